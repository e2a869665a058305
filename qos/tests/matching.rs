//! Request and offer, policy by policy: equal, stronger and weaker than asked (DDS 1.4, 2.2.3).

use tidewire_qos::{
    AccessScope, DataRepresentation, DestinationOrder, Durability, Duration, History, Liveliness,
    LivelinessKind, Ownership, Policy, Presentation, Qos, Reliability, check, partitions_match,
};

const BASE: Qos = Qos::default_reader();

/// Every pair of a list ordered from weak to strong: offered matches exactly when it is not weaker.
fn ordered<T: Copy + std::fmt::Debug>(
    policy: Policy,
    weak_to_strong: &[T],
    set: impl Fn(&mut Qos, T),
) {
    for (o, &offer) in weak_to_strong.iter().enumerate() {
        for (r, &request) in weak_to_strong.iter().enumerate() {
            let (mut offered, mut requested) = (BASE, BASE);
            set(&mut offered, offer);
            set(&mut requested, request);
            let found = check(&offered, &requested);
            if o >= r {
                assert_eq!(found, [], "{policy}: {offer:?} offered, {request:?} requested");
            } else {
                assert_eq!(found.len(), 1, "{policy}: {offer:?} offered, {request:?} requested");
                assert_eq!(found[0].policy, policy);
                assert_ne!(found[0].offered, found[0].requested);
                assert!(!found[0].remedy.is_empty());
            }
        }
    }
}

#[test]
fn reliability_is_ordered() {
    ordered(
        Policy::Reliability,
        &[Reliability::BestEffort, Reliability::reliable()],
        |qos, value| qos.reliability = value,
    );
}

#[test]
fn max_blocking_time_is_not_matched() {
    let time = |ms| Reliability::Reliable { max_blocking_time: Duration::from_millis(ms) };
    let offered = Qos { reliability: time(1), ..BASE };
    let requested = Qos { reliability: time(1000), ..BASE };
    assert_eq!(check(&offered, &requested), []);
    assert_eq!(check(&requested, &offered), []);
}

#[test]
fn durability_is_ordered() {
    use Durability::*;
    ordered(
        Policy::Durability,
        &[Volatile, TransientLocal, Transient, Persistent],
        |qos, value| qos.durability = value,
    );
}

const LONG_TO_SHORT: [Duration; 4] =
    [Duration::INFINITE, Duration::from_secs(10), Duration::from_millis(1), Duration::ZERO];

#[test]
fn deadline_offered_must_not_be_longer() {
    ordered(Policy::Deadline, &LONG_TO_SHORT[..3], |qos, value| qos.deadline = value);
}

#[test]
fn latency_budget_offered_must_not_be_longer() {
    ordered(Policy::LatencyBudget, &LONG_TO_SHORT, |qos, value| qos.latency_budget = value);
}

#[test]
fn liveliness_kind_and_lease_are_ordered() {
    use LivelinessKind::*;
    ordered(Policy::Liveliness, &[Automatic, ManualByParticipant, ManualByTopic], |qos, value| {
        qos.liveliness.kind = value
    });
    ordered(Policy::Liveliness, &LONG_TO_SHORT[..3], |qos, value| qos.liveliness.lease = value);
}

#[test]
fn liveliness_names_both_remedies_when_both_halves_fail() {
    let offered = BASE;
    let liveliness =
        Liveliness { kind: LivelinessKind::ManualByTopic, lease: Duration::from_secs(1) };
    let found = check(&offered, &Qos { liveliness, ..BASE });
    assert_eq!(
        found[0].to_string(),
        "LIVELINESS: offered AUTOMATIC (lease infinite), requested MANUAL_BY_TOPIC (lease 1s); \
         write MANUAL_BY_TOPIC or stronger, or read AUTOMATIC; \
         offer a lease of at most 1s, or request infinite or more"
    );
}

#[test]
fn ownership_must_be_equal_and_strength_is_free() {
    let exclusive =
        |strength| Qos { ownership: Ownership::Exclusive, ownership_strength: strength, ..BASE };
    assert_eq!(check(&exclusive(1), &exclusive(7)), []);
    for (offered, requested) in [(BASE, exclusive(0)), (exclusive(0), BASE)] {
        let found = check(&offered, &requested);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].policy, Policy::Ownership);
    }
}

#[test]
fn destination_order_is_ordered() {
    use DestinationOrder::*;
    ordered(Policy::DestinationOrder, &[ByReceptionTimestamp, BySourceTimestamp], |qos, value| {
        qos.destination_order = value
    });
}

#[test]
fn presentation_is_ordered_in_each_part() {
    use AccessScope::*;
    ordered(Policy::Presentation, &[Instance, Topic, Group], |qos, value| {
        qos.presentation.access_scope = value
    });
    ordered(Policy::Presentation, &[false, true], |qos, v| qos.presentation.coherent_access = v);
    ordered(Policy::Presentation, &[false, true], |qos, v| qos.presentation.ordered_access = v);
}

#[test]
fn a_writer_uses_its_first_representation_and_a_reader_takes_any() {
    use DataRepresentation::*;
    for (offered, requested, matches) in [
        (&[][..], &[][..], true),
        (&[], &[Xcdr1], true),
        (&[Xcdr1], &[], true),
        (&[], &[Xcdr2], false),
        (&[Xcdr2], &[], false),
        (&[Xcdr2], &[Xcdr1, Xcdr2], true),
        (&[Xcdr2, Xcdr1], &[Xcdr1], false),
        (&[Xcdr1, Xcdr2], &[Xcdr1], true),
        (&[Xml], &[Xcdr1, Xcdr2], false),
    ] {
        let qos = |list: &[_]| Qos { data_representation: list.to_vec(), ..BASE };
        let found = check(&qos(offered), &qos(requested));
        assert_eq!(found.is_empty(), matches, "{offered:?} offered, {requested:?} requested");
        assert!(found.iter().all(|mismatch| mismatch.policy == Policy::DataRepresentation));
    }
}

#[test]
fn partitions_match_by_name_and_by_pattern() {
    for (ours, theirs, expected) in [
        (&[][..], &[][..], true),
        (&[], &[""], true),
        (&[], &["*"], true),
        (&[], &["a"], false),
        (&["a"], &["a"], true),
        (&["a"], &["b"], false),
        (&["a", "b"], &["b", "c"], true),
        (&["plant/*"], &["plant/pump1"], true),
        (&["plant/pump1"], &["plant/pump?"], true),
        (&["plant/[0-9]"], &["plant/x"], false),
        (&["*"], &["*"], false),
        (&["*", "a"], &["*"], true),
    ] {
        let names = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let (ours, theirs) = (names(ours), names(theirs));
        assert_eq!(partitions_match(&ours, &theirs), expected, "{ours:?} and {theirs:?}");
        assert_eq!(partitions_match(&theirs, &ours), expected, "{theirs:?} and {ours:?}");
        let found = check(&Qos { partition: ours, ..BASE }, &Qos { partition: theirs, ..BASE });
        assert_eq!(found.is_empty(), expected);
    }
}

#[test]
fn every_failing_policy_is_named() {
    let requested = Qos {
        reliability: Reliability::reliable(),
        durability: Durability::Persistent,
        deadline: Duration::from_millis(1),
        latency_budget: Duration::from_millis(1),
        liveliness: Liveliness {
            kind: LivelinessKind::ManualByTopic,
            lease: Duration::from_millis(1),
        },
        ownership: Ownership::Exclusive,
        destination_order: DestinationOrder::BySourceTimestamp,
        presentation: Presentation {
            access_scope: AccessScope::Group,
            coherent_access: true,
            ordered_access: true,
        },
        data_representation: vec![DataRepresentation::Xcdr2],
        partition: vec!["elsewhere".to_owned()],
        ..BASE
    };
    let offered = Qos { latency_budget: Duration::from_secs(1), ..BASE };
    let policies: Vec<_> = check(&offered, &requested).iter().map(|m| m.policy.name()).collect();
    assert_eq!(
        policies,
        [
            "RELIABILITY",
            "DURABILITY",
            "DEADLINE",
            "LATENCY_BUDGET",
            "LIVELINESS",
            "OWNERSHIP",
            "DESTINATION_ORDER",
            "PRESENTATION",
            "DATA_REPRESENTATION",
            "PARTITION"
        ]
    );
}

#[test]
fn policies_without_request_and_offer_never_keep_apart() {
    let mut other = Qos {
        history: History::KeepAll,
        lifespan: Duration::from_millis(1),
        time_based_filter: Duration::from_secs(1),
        transport_priority: 9,
        ownership_strength: 9,
        user_data: vec![1],
        topic_data: vec![2],
        group_data: vec![3],
        ..BASE
    };
    other.resource_limits.max_samples = Some(1);
    other.writer_data_lifecycle.autodispose_unregistered_instances = false;
    other.reader_data_lifecycle.autopurge_disposed_samples_delay = Duration::ZERO;
    other.type_consistency.force_type_validation = true;
    assert_eq!(check(&BASE, &other), []);
    assert_eq!(check(&other, &BASE), []);
    assert_eq!(tidewire_qos::matching::type_hints(&other).len(), 1);
}
