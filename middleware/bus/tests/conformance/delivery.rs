//! What arrives, how much of it, in which order.

use std::time::Duration as Span;

use tidewire_bus::now_ns;
use tidewire_qos::policy::{
    AccessScope, DataRepresentation, DestinationOrder, Durability, History,
};
use tidewire_qos::{Duration, Qos};

use crate::cases::Found;
use crate::common::{everything, settle, wait};
use crate::face::Combination;

pub fn reliable(c: &Combination<'_>) -> Found {
    let (writer, reader) = c.matched("all", &everything(), &everything()).unwrap();
    // The first tell how large the others will be: RustDDS keeps by number what nobody has taken yet.
    for all in [1..=500, 501..=2_500] {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                all.clone().for_each(|value| writer.put((value % 3) as u8, value));
            });
            assert_eq!(reader.up_to(*all.end()), all.clone().collect::<Vec<_>>());
        });
    }
    assert_eq!(reader.lost(), 0);
    Found::kept()
}

/// The writer does not wait for a reader that takes nothing, and what it misses is counted.
pub fn best_effort(c: &Combination<'_>) -> Found {
    let qos = Qos { history: History::KeepLast(5), ..Qos::sensor_data() };
    let (writer, reader) = c.matched("newest", &qos, &qos).unwrap();
    (1..=5_000).for_each(|value| writer.put(0, value));
    settle();
    let mut got = Vec::new();
    // Sockets may be full still of what others of this suite send.
    wait("one after the burst", || {
        writer.put(0, 5_001);
        got.extend(reader.drain().iter().map(|told| told.value));
        got.contains(&5_001)
    });
    assert!(got.is_sorted(), "{got:?}");
    // Over DDS a reader that does not know the key cannot tell which samples are replaced.
    assert!(got.len() < 5_001 || (c.keyed && !c.typed && !c.is_shm()), "nothing was replaced");
    Found::kept()
}

pub fn keep_all(c: &Combination<'_>) -> Found {
    let (writer, reader) = c.matched("all", &everything(), &everything()).unwrap();
    (1..=200).for_each(|value| writer.put(0, value));
    settle();
    assert_eq!(reader.up_to(200), (1..=200).collect::<Vec<_>>());
    Found::kept()
}

/// A reader that has not taken for a while finds the last samples of each instance.
pub fn keep_last(c: &Combination<'_>) -> Found {
    let requested = Qos { history: History::KeepLast(2), ..everything() };
    let (writer, reader) = c.matched("last", &everything(), &requested).unwrap();
    for value in 1..=6 {
        writer.put((value % 2) as u8, value);
    }
    writer.is_acknowledged();
    settle();
    let got = reader.up_to(6);
    match (c.keyed, c.typed || c.is_shm()) {
        (true, true) => assert_eq!(got, [3, 4, 5, 6], "two of each instance"),
        (false, _) => assert_eq!(got, [5, 6]),
        (true, false) => {
            assert_eq!(got, [1, 2, 3, 4, 5, 6]);
            return Found::mostly("a reader that does not know the key keeps every sample");
        }
    }
    Found::kept()
}

/// A full reader holds a RELIABLE writer back, and nothing is lost.
pub fn max_samples(c: &Combination<'_>) -> Found {
    let mut few = everything();
    few.resource_limits.max_samples = Some(16);
    let (writer, reader) = c.matched("few", &few, &few).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (1..=300).for_each(|value| writer.put(0, value)));
        std::thread::sleep(Span::from_millis(100));
        assert_eq!(reader.up_to(300), (1..=300).collect::<Vec<_>>());
    });
    if c.is_shm() {
        return Found::kept();
    }
    Found::mostly(match c.is_rustdds() {
        true => "by writers; a reader that keeps all queues 256 MiB, and what comes then is lost",
        false => "a writer's window is 500 kB; a reader that keeps all queues 256 MiB, then loses",
    })
}

pub fn volatile(c: &Combination<'_>) -> Found {
    // Five values are written before the reader comes, and a sixth then.
    let late = |topic: &str, offered: &Qos| {
        let writer = c.writer(topic, offered).unwrap();
        (1..=5).for_each(|value| writer.put(0, value));
        let reader = c.reader(topic, &everything()).unwrap();
        writer.meets(1);
        reader.meets(1);
        settle();
        writer.put(0, 6);
        (reader.up_to(6), writer, reader)
    };
    let (got, writer, reader) = late("new", &everything());
    assert_eq!(got, [6]);
    // Whatever another reader of its participant has had.
    let second = c.reader("new", &everything()).unwrap();
    writer.meets(2);
    second.meets(1);
    settle();
    writer.put(0, 7);
    assert_eq!((reader.up_to(7), second.up_to(7)), (vec![7], vec![7]));
    // Whatever its writer keeps for others.
    let (got, ..) = late("kept", &durable());
    if c.is_rustdds() {
        assert!(got.ends_with(&[6]), "{got:?}");
        return Found::mostly("readers elsewhere also get the history of TRANSIENT_LOCAL writers");
    }
    assert_eq!(got, [6]);
    Found::kept()
}

fn durable() -> Qos {
    Qos { durability: Durability::TransientLocal, ..everything() }
}

/// A late joiner gets the last samples of each instance, and then what is new.
pub fn transient_local(c: &Combination<'_>) -> Found {
    let last = Qos {
        durability: Durability::TransientLocal,
        history: History::KeepLast(2),
        ..everything()
    };
    let writer = c.writer("old", &last).unwrap();
    for value in 1..=8 {
        writer.put((value % 2) as u8, value);
    }
    let reader = c.reader("old", &Qos { history: History::KeepAll, ..last.clone() }).unwrap();
    let mut got = reader.up_to(8);
    settle();
    writer.put(0, 9);
    got.extend(reader.up_to(9));
    got.sort_unstable();
    let kept: &[u32] = if c.keyed { &[5, 6, 7, 8, 9] } else { &[7, 8, 9] };
    if !c.is_rustdds() {
        assert_eq!(got, kept, "two of each instance");
        return Found::kept();
    }
    assert!(got.ends_with(kept), "{got:?}");
    Found::mostly(
        "late joiners that keep more than the writer's depth get more, if it is there still",
    )
}

pub fn lifespan(c: &Combination<'_>) -> Found {
    let short = Qos { lifespan: Duration::from_millis(200), ..everything() };
    let (writer, reader) = c.matched("short", &short, &everything()).unwrap();
    let far = now_ns() + 3_600_000_000_000;
    writer.put(0, 1);
    writer.put_at(0, 2, far);
    std::thread::sleep(Span::from_millis(400));
    writer.put_at(0, 3, far + 1);
    assert_eq!(reader.up_to(3), [2, 3]);
    Found::kept()
}

pub fn time_based_filter(c: &Combination<'_>) -> Found {
    // Longer than a thread is likely to be without a processor: what is held is not due in between.
    let separation = Duration::from_secs(1);
    for (topic, history) in [("slow", History::KeepAll), ("slow/last", History::KeepLast(8))] {
        let slow = Qos { time_based_filter: separation, history, ..everything() };
        let (writer, reader) = c.matched(topic, &everything(), &slow).unwrap();
        let start = now_ns();
        let written = [(1, 0), (2, 500), (3, 990), (4, 1000), (5, 1500), (6, 3000), (7, 3200)];
        for (value, ms) in written.into_iter().chain([(8, 3500)]) {
            writer.put_at(1, value, start + ms * 1_000_000);
        }
        // RELIABLE guarantees the last one.
        assert_eq!(reader.up_to(8), [1, 4, 6, 8]);
    }
    Found::kept()
}

pub fn by_source(c: &Combination<'_>) -> Found {
    let ordered = Qos { destination_order: DestinationOrder::BySourceTimestamp, ..everything() };
    if !c.typed && c.keyed {
        let error = c.reader("ordered", &ordered).err().unwrap().to_string();
        assert!(error.contains("DESTINATION_ORDER"), "{error}");
        return Found {
            support: tidewire_qos::support::Support::Refused,
            note: "a reader that does not know the key cannot order by source time".into(),
        };
    }
    let (writer, reader) = c.matched("ordered", &ordered, &ordered).unwrap();
    let start = now_ns();
    for (value, ns) in [(1, 10), (2, 30), (3, 20), (4, 30), (5, 40)] {
        writer.put_at(1, value, start + ns);
    }
    assert_eq!(reader.up_to(5), [1, 2, 4, 5], "the third is late");
    // Late ones displace nothing, where the last sample is kept and nobody takes.
    let last = Qos { history: History::KeepLast(1), ..ordered.clone() };
    let (writer, reader) = c.matched("ordered/last", &ordered, &last).unwrap();
    for (value, ns) in [(1, 10), (2, 30), (3, 20)] {
        writer.put_at(1, value, start + ns);
    }
    writer.is_acknowledged();
    settle();
    assert_eq!(reader.up_to(2), [2]);
    Found::kept()
}

pub fn transport_priority(c: &Combination<'_>) -> Found {
    let urgent = Qos { transport_priority: 7, ..everything() };
    let (writer, reader) = c.matched("urgent", &urgent, &everything()).unwrap();
    writer.put(0, 1);
    assert_eq!(reader.up_to(1), [1]);
    Found::hint("packets are not marked")
}

/// Two writers of one instance, and both are heard.
pub fn shared(c: &Combination<'_>) -> Found {
    let (first, reader) = c.matched("shared", &everything(), &everything()).unwrap();
    let second = c.writer("shared", &everything()).unwrap();
    second.meets(1);
    reader.meets(2);
    first.put(1, 1);
    second.put(1, 2);
    second.is_acknowledged();
    first.put(1, 3);
    let mut got = Vec::new();
    wait("all three", || {
        got.extend(reader.drain().iter().map(|told| told.value));
        got.len() >= 3
    });
    settle();
    got.extend(reader.drain().iter().map(|told| told.value));
    got.sort_unstable();
    assert_eq!(got, [1, 2, 3]);
    Found::kept()
}

/// Samples of one instance in the order they were written.
pub fn instance_scope(c: &Combination<'_>) -> Found {
    in_order(c, AccessScope::Instance)
}

/// Samples of all instances of a writer in the order they were written.
pub fn topic_scope(c: &Combination<'_>) -> Found {
    in_order(c, AccessScope::Topic)
}

fn in_order(c: &Combination<'_>, scope: AccessScope) -> Found {
    let mut qos = everything();
    (qos.presentation.access_scope, qos.presentation.ordered_access) = (scope, true);
    let (writer, reader) = c.matched("ordered", &qos, &qos).unwrap();
    (1..=60).for_each(|value| writer.put((value % 3) as u8, value));
    assert_eq!(reader.up_to(60), (1..=60).collect::<Vec<_>>());
    Found::kept()
}

pub fn xcdr1(c: &Combination<'_>) -> Found {
    represented(c, DataRepresentation::Xcdr1)
}

pub fn xcdr2(c: &Combination<'_>) -> Found {
    represented(c, DataRepresentation::Xcdr2)
}

fn represented(c: &Combination<'_>, representation: DataRepresentation) -> Found {
    let qos = Qos { data_representation: vec![representation], ..everything() };
    let (writer, reader) = c.matched("encoded", &qos, &qos).unwrap();
    (1..=3).for_each(|value| writer.put(1, value));
    assert_eq!(reader.up_to(3), [1, 2, 3]);
    Found::kept()
}
