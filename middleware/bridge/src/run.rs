use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
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

/// How long at the end samples are written that were received before it: those of other topics still
/// are where one with a stopped reader takes a second, its `max_blocking_time`.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// What the bridge has done so far; readable while it runs.
#[derive(Debug, Default)]
pub struct BridgeStats {
    /// Samples put on zenoh.
    pub sent: AtomicU64,
    /// Samples of other sites written here.
    pub received: AtomicU64,
    /// Samples of other sites that could not be written: not ours, another version, no such QoS.
    pub refused: AtomicU64,
    /// Those of `refused` that are of another type than their topic has here.
    pub other_type: AtomicU64,
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
        let done = &done;
        scope.spawn(move || write_arrivals(inbound, inbox, done, stats));
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

/// Runs on a thread of its own: a RELIABLE writer may block, zenoh's threads must not. The inbox ends
/// with it, so that none of these waits for room in it any more.
fn write_arrivals(
    mut inbound: Inbound<'_>,
    inbox: Receiver<Arrival>,
    done: &AtomicBool,
    stats: &BridgeStats,
) {
    while !done.load(Ordering::Relaxed) {
        match inbox.recv_timeout(Duration::from_millis(50)) {
            Ok(arrival) => inbound.write(&arrival, stats),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
    // What zenoh handed over before the end still counts. What comes now does not: it may never cease.
    let deadline = Instant::now() + LAST_WRITES;
    let mut left = inbox.len();
    while left > 0
        && Instant::now() < deadline
        && let Ok(arrival) = inbox.try_recv()
    {
        inbound.write(&arrival, stats);
        left -= 1;
    }
    if left > 0 {
        tracing::warn!(
            "{left} samples of other sites were not written: readers did not take them within \
             {LAST_WRITES:?} of the end"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tidewire_bus::RawTopic;
    use tidewire_qos::{History, Qos, ResourceLimits};

    use super::*;
    use crate::filter::Filter;
    use crate::testing::{arrival, bus, header};
    use crate::wire::{Header, key_of};

    const PAYLOAD: &[u8] = &[0, 1, 0, 0, 1, 2, 3, 4];

    fn inbound<'a>(bus: &'a Bus<'a>) -> Inbound<'a> {
        Inbound::new("here", bus, Filter::new(&["*".into()], &[]).unwrap())
    }

    #[test]
    fn writing_ends_while_others_keep_sending_and_nobody_waits_for_room_then() {
        let types = TypeRegistry::default();
        let bus = bus(&types);
        let inbound = inbound(&bus);
        let (arrivals, inbox) = crossbeam_channel::bounded(16);
        let (done, stats) = (AtomicBool::new(true), BridgeStats::default());
        thread::scope(|scope| {
            let flood = scope.spawn(move || {
                let begun = Instant::now();
                let one = || arrival("there", &header(), PAYLOAD);
                while arrivals.send(one()).is_ok() {
                    assert!(begun.elapsed() < Duration::from_secs(60), "writing does not end");
                }
            });
            write_arrivals(inbound, inbox, &done, &stats);
            flood.join().unwrap();
        });
    }

    #[test]
    fn what_was_received_before_the_end_is_written() {
        let types = TypeRegistry::default();
        let bus = bus(&types);
        let inbound = inbound(&bus);
        let (arrivals, inbox) = crossbeam_channel::bounded(16);
        for sequence in 1..=16 {
            let header = Header { sequence, ..header() };
            arrivals.send(arrival("there", &header, PAYLOAD)).unwrap();
        }
        let stats = BridgeStats::default();
        write_arrivals(inbound, inbox, &AtomicBool::new(true), &stats);
        assert_eq!(stats.received.load(Ordering::Relaxed), 16);
    }

    #[test]
    fn readers_that_take_nothing_do_not_hold_up_the_end() {
        let types = TypeRegistry::default();
        let bus = bus(&types);
        let one = ResourceLimits { max_samples: Some(1), ..ResourceLimits::default() };
        let full = Qos { history: History::KeepAll, resource_limits: one, ..Qos::reliable() };
        let inbound = inbound(&bus);
        let (arrivals, inbox) = crossbeam_channel::unbounded();
        let mut readers = Vec::new();
        // Each topic takes the `max_blocking_time` of its writer: a second.
        for topic in 0..4_u8 {
            let name = format!("topic{topic}");
            let raw = RawTopic::new(&name, "T", true);
            readers.push(bus.participant.raw_reader(&raw, &full).unwrap());
            for sequence in 1..=64 {
                let header = Header { sequence, writer: [topic; 16], ..header() };
                let key = key_of("there", &name);
                arrivals.send(Arrival { key, ..arrival("there", &header, PAYLOAD) }).unwrap();
            }
        }
        let stats = BridgeStats::default();
        write_arrivals(inbound, inbox, &AtomicBool::new(true), &stats);
        let [received, refused] =
            [&stats.received, &stats.refused].map(|count| count.load(Ordering::Relaxed));
        assert!(refused > 0 && received + refused < 256, "{received} written, {refused} not");
    }
}
