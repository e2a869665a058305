//! Samples that outlive their writer: a durability service keeps them.

use std::sync::atomic::{AtomicBool, Ordering};

use tidewire_bus::{DurabilityService, Participant, Sample};
use tidewire_qos::Qos;
use tidewire_qos::policy::{Durability, History};

use crate::cases::Found;
use crate::common::{everything, settle, wait};
use crate::face::{Combination, Hosts};

pub fn transient(c: &Combination<'_>) -> Found {
    outlives(c, Durability::Transient)
}

pub fn persistent(c: &Combination<'_>) -> Found {
    outlives(c, Durability::Persistent)
}

/// Answers whoever asks about `topic` until told to stop.
fn serve(keeper: &Participant, topic: &str, kept: &[Sample], stop: &AtomicBool) {
    let service = DurabilityService::new(keeper).unwrap();
    while !stop.load(Ordering::Acquire) {
        for request in service.requests() {
            let here = if request.topic == topic { kept } else { &[] };
            service.answer(&request, here.iter().map(|sample| (sample.clone(), 0))).unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn outlives(c: &Combination<'_>, durability: Durability) -> Found {
    // Without DDS nobody finds the service.
    let hosts = Hosts::discovering(c);
    let keeper = hosts.another("plant/keeper");
    let alone = c.is_shm().then(|| c.reader("alone", &Qos { durability, ..everything() }));
    assert!(alone.is_none_or(|refused| refused.is_err()), "a participant that finds no service");
    let c = &c.on(&hosts);
    let mut qos = Qos { durability, ..everything() };
    qos.durability_service.history = History::KeepAll;

    let early = c.reader("kept", &qos).unwrap();
    let topic = c.raw("kept");
    let recorder = keeper
        .raw_reader(&topic, &Qos { durability: Durability::TransientLocal, ..everything() })
        .unwrap();
    let first = c.writer("kept", &qos).unwrap();
    first.meets(2);
    (1..=6).for_each(|value| first.put((value % 3) as u8, value));
    let mut kept = Vec::new();
    wait("the recorder", || {
        recorder.take_into(&mut kept, 100);
        kept.len() == 6
    });
    assert_eq!(early.up_to(6), [1, 2, 3, 4, 5, 6]);
    drop(first);
    wait("the writer's end", || early.writers() == 0);

    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| serve(&keeper, &topic.name, &kept, &stop));
        // Also when an assertion fails.
        let _stop = Stop(&stop);
        let late = c.reader("kept", &qos).unwrap();
        let volatile = c.reader("kept", &everything()).unwrap();
        assert!(late.history(), "a service answers");
        let second = c.writer("kept", &qos).unwrap();
        second.meets(3);
        second.put(1, 7);
        assert_eq!(late.up_to(7), [1, 2, 3, 4, 5, 6, 7], "history, then what is new");
        assert_eq!(early.up_to(7), [7], "it had the rest from the writer");
        assert_eq!(volatile.up_to(7), [7]);
        settle();
        for reader in [&early, &late, &volatile] {
            assert_eq!(reader.drain(), []);
        }
        assert_eq!((late.lost(), early.lost()), (0, 0));
    });
    Found::mostly(match c.is_cyclone() {
        true => "from a durability service, `tidewire record --durable`; without one as VOLATILE",
        false => {
            "from a durability service, `tidewire record --durable`; without one as TRANSIENT_LOCAL"
        }
    })
}

/// Of a writer that lives: it keeps for late joiners what DURABILITY_SERVICE says, not what HISTORY does.
/// What a service keeps is tested where it lies, in the recorder.
pub fn durability_service(c: &Combination<'_>) -> Found {
    let hosts = Hosts::discovering(c);
    let c = &c.on(&hosts);
    let mut qos = Qos { durability: Durability::Transient, ..everything() };
    qos.durability_service.history = History::KeepLast(2);
    let writer = c.writer("depth", &qos).unwrap();
    (1..=8).for_each(|value| writer.put((value % 2) as u8, value));
    let reader = c.reader("depth", &qos).unwrap();
    writer.meets(1);
    reader.meets(1);
    settle();
    writer.put(0, 9);
    let got = reader.up_to(9);
    if c.is_cyclone() {
        assert_eq!(got, [9]);
        return Found::mostly(
            "by the durability service; Cyclone DDS writers keep nothing themselves",
        );
    }
    let kept: &[u32] = if c.keyed { &[5, 6, 7, 8, 9] } else { &[7, 8, 9] };
    if c.is_shm() {
        assert_eq!(got, kept, "two of each instance");
        return Found::kept();
    }
    assert!(got.ends_with(kept), "{got:?}");
    Found::mostly("RustDDS does not announce it: tell the durability service")
}

struct Stop<'flag>(&'flag AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
