//! Types of topics: those that are known, and those that writers announce.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;

use tidewire_bus::{Participant, TopicInfo};
use tidewire_idl::{TypeHandle, TypeRegistry};

/// How long a topic waits at most for the type that a writer has announced to be described. Its samples are
/// not recorded meanwhile: a topic's type is settled with its first one.
const PATIENCE: Duration = Duration::from_secs(2);

/// Knows types, or asks for them where the DDS backend reads them from discovery.
pub(crate) struct Types {
    known: TypeRegistry,
    asked: HashMap<String, Asked>,
}

enum Asked {
    Waits(Receiver<Option<TypeHandle>>),
    Told(Option<TypeHandle>),
}

impl Types {
    pub fn new(known: TypeRegistry) -> Self {
        Self { known, asked: HashMap::new() }
    }

    /// The type of a topic, if it can be known; `None` while that is not settled.
    pub fn of(
        &mut self,
        topic: &TopicInfo,
        participant: &Participant,
    ) -> Option<Option<TypeHandle>> {
        if !participant.reads_types() {
            return Some(self.known.get(&topic.type_name));
        }
        let (name, participant) = (topic.name.clone(), participant.clone());
        self.look_up(topic, move || {
            participant
                .discovered_type(&name, PATIENCE)
                .inspect_err(|error| tracing::debug!(topic = name, %error, "its type is unknown"))
                .ok()
        })
    }

    /// As [`Types::of`], asking with `ask`, which may take its time.
    fn look_up(
        &mut self,
        topic: &TopicInfo,
        ask: impl FnOnce() -> Option<TypeHandle> + Send + 'static,
    ) -> Option<Option<TypeHandle>> {
        if let Some(known) = self.known.get(&topic.type_name) {
            return Some(Some(known));
        }
        let asked = self.asked.entry(topic.name.clone()).or_insert_with(|| {
            let (tell, told) = sync_channel(1);
            let thread = std::thread::Builder::new().name("tidewire-type".into());
            match thread.spawn(move || tell.send(ask())) {
                Ok(_) => Asked::Waits(told),
                Err(error) => {
                    tracing::warn!(topic = topic.name, %error, "its type cannot be asked for");
                    Asked::Told(None)
                }
            }
        });
        if let Asked::Waits(told) = asked {
            match told.try_recv() {
                Ok(ty) => *asked = Asked::Told(ty),
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => *asked = Asked::Told(None),
            }
        }
        match asked {
            Asked::Told(ty) => Some(ty.clone()),
            Asked::Waits(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_idl::TypeSupport;
    use tidewire_types::sensor::{Temperature, Vibration};

    fn topic(name: &str, type_name: &str) -> TopicInfo {
        TopicInfo {
            name: name.into(),
            type_name: type_name.into(),
            keyed: true,
            writers: Vec::new(),
            readers: Vec::new(),
        }
    }

    #[test]
    fn unknown_types_are_asked_for_once_and_nobody_waits_for_the_answer() {
        let mut known = TypeRegistry::new();
        known.insert(Temperature::descriptor());
        let mut types = Types::new(known);
        let known = topic("t", Temperature::TYPE_NAME);
        assert!(types.look_up(&known, || unreachable!("it is known")).flatten().is_some());

        let (tell, told) = sync_channel(1);
        let unknown = topic("v", Vibration::TYPE_NAME);
        assert!(types.look_up(&unknown, move || told.recv().ok()).is_none(), "it is being asked");
        tell.send(Vibration::descriptor()).unwrap();
        let found = loop {
            if let Some(found) = types.look_up(&unknown, || unreachable!("asked twice")) {
                break found;
            }
            std::thread::yield_now();
        };
        assert_eq!(found, Some(Vibration::descriptor()));

        let nobodys = topic("n", "vendor::Blob");
        while types.look_up(&nobodys, || None).is_none() {
            std::thread::yield_now();
        }
        assert_eq!(types.look_up(&nobodys, || unreachable!("asked twice")), Some(None));
    }
}
