//! What several unit tests of the bridge share.

use std::fmt::{Debug, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use tidewire_bus::Participant;
use tidewire_bus::testing::free_domain;
use tidewire_idl::TypeRegistry;
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::inbound::Arrival;
use crate::run::{BRIDGE_NAME, Bus};
use crate::wire::{Header, VERSION, key_of};

/// The first sample of a keyed topic of type `T`.
pub fn header() -> Header {
    Header {
        v: VERSION,
        type_name: "T".into(),
        keyed: true,
        reliable: true,
        late: 0,
        writer: [1; 16],
        sequence: 1,
        source_time: 1,
        key: [1; 16],
        state: 0,
    }
}

/// A sample of `site` on topic `topic`.
pub fn arrival(site: &str, header: &Header, payload: &'static [u8]) -> Arrival {
    Arrival {
        key: key_of(site, "topic"),
        attachment: Some(header.to_bytes()),
        payload: payload.into(),
    }
}

/// A bridge's side of a domain of its own.
pub fn bus(types: &TypeRegistry) -> Bus<'_> {
    let name = format!("{BRIDGE_NAME}here");
    let participant = Participant::builder().domain(free_domain()).name(name).build().unwrap();
    Bus { participant, types, profile: None }
}

/// What the bridge warns of while `act` runs.
pub fn warnings(act: impl FnOnce()) -> Vec<String> {
    let said = Arc::default();
    tracing::subscriber::with_default(Listener(Arc::clone(&said)), act);
    std::mem::take(&mut said.lock())
}

struct Listener(Arc<Mutex<Vec<String>>>);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target().starts_with("tidewire_bridge")
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = String::new();
        event.record(&mut |_: &Field, value: &dyn Debug| {
            write!(text, "{value:?} ").unwrap();
        });
        self.0.lock().push(text);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
