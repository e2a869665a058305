use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use parking_lot::Mutex;
use tidewire_bus::Participant;
use tidewire_idl::TypeRegistry;
use tidewire_qos::Profile;
use zenoh::Wait;
use zenoh::sample::{Locality, SampleKind};

use crate::cache::Cache;
use crate::inbound::{Arrival, Inbound};
use crate::outbound::Outbound;
use crate::{BridgeError, BridgeOptions};

/// Participants of bridges carry a name that starts so: how bridges know each other's samples.
pub const BRIDGE_NAME: &str = "tidewire-bridge:";

/// Samples that may wait between zenoh's thread and the bus before zenoh is held back.
const BACKLOG: usize = 8192;

/// What the bridge has done so far; readable while it runs.
#[derive(Debug, Default)]
pub struct BridgeStats {
    /// Samples put on zenoh.
    pub sent: AtomicU64,
    /// Samples of other sites written here.
    pub received: AtomicU64,
    /// Samples of other sites that could not be written: not ours, another version, no such QoS.
    pub refused: AtomicU64,
    /// `received`, by topic.
    pub written: Mutex<HashMap<String, u64>>,
}

/// The side of the domain.
pub struct Bus<'a> {
    pub participant: Participant,
    pub types: &'a TypeRegistry,
    pub profile: Option<Profile>,
}

/// Bridges until `stop` is set. Instances of `types` are told apart, also those whose samples come over
/// DDS. `ready` is called once when both sides are open.
///
/// # Errors
/// Options that make no sense, a domain that cannot be joined, or zenoh cannot start. A site that
/// cannot be reached is no error: it is tried again for ever.
pub fn run(
    options: &BridgeOptions,
    types: &TypeRegistry,
    stop: &AtomicBool,
    stats: &BridgeStats,
    ready: impl FnOnce(),
) -> Result<(), BridgeError> {
    options.check()?;
    let filter = options.filter()?;
    let profile = options.qos.as_deref().map(|spec| {
        tidewire_qos::load(spec)
            .map_err(|source| BridgeError::Qos { spec: spec.to_owned(), source })
    });
    let profile = profile.transpose()?;
    let builder = Participant::builder()
        .domain(options.domain)
        .name(options.participant_name())
        .profile(profile.clone())
        .peers(options.peers.clone());
    let interfaces = options.interfaces.iter();
    let participant = interfaces
        .fold(builder, |builder, interface| builder.interface(interface.clone()))
        .build()
        .map_err(|source| BridgeError::Join { domain: options.domain, source })?;
    let session = zenoh::open(options.zenoh()?).wait()?;

    let cache = Arc::new(Mutex::new(Cache::default()));
    let (arrivals, inbox) = crossbeam_channel::bounded(BACKLOG);
    let _history = serve_history(&session, &options.site, &cache)?;
    let _live = session
        .declare_subscriber("tidewire/*/**")
        .allowed_origin(Locality::Remote)
        .callback({
            let arrivals = arrivals.clone();
            move |sample| forward(&arrivals, &sample)
        })
        .wait()?;
    let (appeared, newcomers) = crossbeam_channel::unbounded();
    let _watch = session
        .liveliness()
        .declare_subscriber("tidewire/*/@bridge")
        .history(true)
        .callback(move |sample| {
            if sample.kind() == SampleKind::Put {
                // The receiver lives as long as the bridge.
                let _ = appeared.send(());
            }
        })
        .wait()?;
    let _token =
        session.liveliness().declare_token(format!("tidewire/{}/@bridge", options.site)).wait()?;

    let done = AtomicBool::new(false);
    let bus = Bus { participant: participant.clone(), types, profile };
    let inbound = Inbound::new(&options.site, &bus, filter);
    let mut outbound = Outbound::new(options, &bus, &session)?;
    ready();
    std::thread::scope(|scope| {
        scope.spawn(|| write_arrivals(inbound, &inbox, &done, stats));
        let result = (|| {
            while !stop.load(Ordering::Relaxed) {
                if newcomers.try_iter().count() > 0 {
                    fetch_history(&session, &arrivals)?;
                }
                outbound.discover()?;
                outbound.drain(&cache, stats)?;
                participant.wait(Duration::from_millis(20));
            }
            outbound.drain(&cache, stats)
        })();
        done.store(true, Ordering::Relaxed);
        result
    })?;
    drop(outbound);
    session.close().wait()?;
    Ok(())
}

fn forward(arrivals: &Sender<Arrival>, sample: &zenoh::sample::Sample) {
    let arrival = Arrival {
        key: sample.key_expr().as_str().to_owned(),
        attachment: sample.attachment().map(|bytes| bytes.to_bytes().into_owned()),
        payload: sample.payload().to_bytes().into_owned().into(),
    };
    // Fails only when the bridge is ending.
    let _ = arrivals.send(arrival);
}

/// Answers sites that join late with what TRANSIENT_LOCAL writers of this site have said.
fn serve_history(
    session: &zenoh::Session,
    site: &str,
    cache: &Arc<Mutex<Cache>>,
) -> Result<zenoh::query::Queryable<()>, BridgeError> {
    let cache = cache.clone();
    let answer = move |query: zenoh::query::Query| {
        let kept: Vec<_> = cache
            .lock()
            .all()
            .map(|(key, header, payload)| (key.to_owned(), header.to_bytes(), payload.clone()))
            .collect();
        for (key, attachment, payload) in kept {
            if let Err(error) = query.reply(key, payload.to_vec()).attachment(attachment).wait() {
                tracing::warn!(%error, "history for another site");
            }
        }
    };
    Ok(session.declare_queryable(format!("tidewire/{site}/**")).callback(answer).wait()?)
}

fn fetch_history(session: &zenoh::Session, out: &Sender<Arrival>) -> Result<(), BridgeError> {
    let out = out.clone();
    session
        .get("tidewire/*/**")
        .allowed_destination(Locality::Remote)
        .consolidation(zenoh::query::ConsolidationMode::None)
        .callback(move |reply| {
            if let Ok(sample) = reply.result() {
                forward(&out, sample);
            }
        })
        .wait()?;
    Ok(())
}

/// Runs on a thread of its own: a RELIABLE writer may block, zenoh's threads must not.
fn write_arrivals(
    mut inbound: Inbound<'_>,
    inbox: &Receiver<Arrival>,
    done: &AtomicBool,
    stats: &BridgeStats,
) {
    loop {
        match inbox.recv_timeout(Duration::from_millis(50)) {
            Ok(arrival) => inbound.write(&arrival, stats),
            Err(_) if done.load(Ordering::Relaxed) => break,
            Err(_) => {}
        }
    }
    // What zenoh handed over before the end still counts.
    for arrival in inbox.try_iter() {
        inbound.write(&arrival, stats);
    }
}
