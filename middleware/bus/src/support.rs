//! Which policies can be kept: checked when an endpoint is made, so that nothing is ignored later.

use tidewire_qos::Qos;
use tidewire_qos::policy::{
    AccessScope, DataRepresentation, DestinationOrder, History, LivelinessKind, Ownership, Policy,
    TypeConsistency, TypeConsistencyKind,
};

use tidewire_qos::Duration;
use tidewire_shm::{ANNOUNCED_MAX, announced_len};
use tidewire_transport::EndpointSpec;

use crate::backend::Backend;
use crate::error::BusError;

/// Shortest lease: liveliness is looked after every few milliseconds.
const SHORTEST_LEASE: Duration = Duration::from_millis(20);

/// Shortest AUTOMATIC lease of writers on RustDDS 0.15.1, which looks once a second whether half of it
/// has passed since it last said that it is alive.
const SHORTEST_ON_RUSTDDS: Duration = Duration::from_secs(3);

/// Which side asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Reader,
    Writer,
}

/// Where an endpoint's samples may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ways {
    pub dds: Option<Backend>,
    pub shm: bool,
}

/// Refuses what could not be kept on these ways, each of which must keep all. Hints (LATENCY_BUDGET, TRANSPORT_PRIORITY) are always kept: the
/// standard lets a transport do nothing about them.
pub(crate) fn check(topic: &str, qos: &Qos, role: Role, ways: Ways) -> Result<(), BusError> {
    let refuse = |policy: Policy, value: String, remedy: &'static str| {
        Err(BusError::Policy {
            policy,
            value,
            role: if role == Role::Reader { "a reader" } else { "a writer" },
            topic: topic.to_owned(),
            remedy,
        })
    };
    if topic.is_empty() || topic.len() > 255 || topic.contains('\0') {
        return Err(BusError::TopicName(topic.to_owned()));
    }
    if let Some(remedy) = partition_remedy(qos, ways) {
        return refuse(Policy::Partition, qos.partition.join(","), remedy);
    }
    if let Some(remedy) = liveliness_remedy(qos, role, ways) {
        return refuse(Policy::Liveliness, qos.liveliness.to_string(), remedy);
    }
    let presentation = &qos.presentation;
    if presentation.coherent_access || presentation.access_scope == AccessScope::Group {
        return refuse(
            Policy::Presentation,
            format!("{} coherent={}", presentation.access_scope, presentation.coherent_access),
            "use INSTANCE or TOPIC scope without coherent access",
        );
    }
    let octets = [
        (Policy::UserData, &qos.user_data),
        (Policy::TopicData, &qos.topic_data),
        (Policy::GroupData, &qos.group_data),
    ];
    for (policy, data) in octets {
        if !data.is_empty() && ways.dds == Some(Backend::RustDds) {
            let remedy = "RustDDS announces none: leave it empty, or use the Cyclone backend or shared \
                          memory alone";
            return refuse(policy, format!("{} bytes", data.len()), remedy);
        }
    }
    if announced_len(qos) > ANNOUNCED_MAX {
        let names = qos.partition.iter().map(String::len).sum();
        let lengths = octets.map(|(policy, data)| (data.len(), policy));
        let (len, policy) = lengths
            .into_iter()
            .fold((names, Policy::Partition), |a, b| if b.0 > a.0 { b } else { a });
        let remedy = "partition names and user, topic and group data of an endpoint may have 4,096 \
                      bytes together, two for each of them included";
        return refuse(policy, format!("{len} bytes"), remedy);
    }
    let lifecycle = &qos.reader_data_lifecycle;
    if !lifecycle.autopurge_nowriter_samples_delay.is_infinite()
        || !lifecycle.autopurge_disposed_samples_delay.is_infinite()
    {
        return refuse(
            Policy::ReaderDataLifecycle,
            "a finite autopurge delay".to_owned(),
            "leave the delays infinite: samples go when they are taken",
        );
    }
    if !qos.entity_factory.autoenable_created_entities {
        return refuse(
            Policy::EntityFactory,
            "autoenable_created_entities=false".to_owned(),
            "create the endpoint when it is needed",
        );
    }
    let by_name = ways.shm || ways.dds != Some(Backend::Cyclone);
    let strictness = strictness(&qos.type_consistency);
    if role == Role::Reader && by_name && !strictness.is_empty() {
        return refuse(
            Policy::TypeConsistency,
            strictness,
            "RustDDS and shared memory compare types by name alone: leave it at its default, or use the \
             Cyclone backend without shared memory",
        );
    }
    if qos.history == History::KeepLast(0) {
        return refuse(Policy::History, "KEEP_LAST(0)".to_owned(), "use a depth of at least 1");
    }
    let xml = qos.data_representation.contains(&DataRepresentation::Xml);
    if xml && (role == Role::Reader || qos.representations()[0] == DataRepresentation::Xml) {
        return refuse(Policy::DataRepresentation, "XML".to_owned(), "use XCDR1 or XCDR2");
    }
    Ok(())
}

/// Refuses what a profile wants of the participant `name` itself.
pub(crate) fn check_participant(name: &str, qos: &Qos) -> Result<(), BusError> {
    let (policy, value, remedy) = if !qos.user_data.is_empty() {
        let remedy = "participants announce their name alone: give the data to an endpoint";
        (Policy::UserData, format!("{} bytes", qos.user_data.len()), remedy)
    } else if !qos.entity_factory.autoenable_created_entities {
        let value = "autoenable_created_entities=false".to_owned();
        (Policy::EntityFactory, value, "create endpoints when they are needed")
    } else {
        return Ok(());
    };
    Err(BusError::Policy { policy, value, role: "the participant", topic: name.to_owned(), remedy })
}

/// Refuses limits by instance to a reader that keeps no instances: it queues samples until they are taken.
pub(crate) fn check_limits(spec: &EndpointSpec) -> Result<(), BusError> {
    let limits = &spec.qos.resource_limits;
    let (value, remedy) = match (limits.max_samples_per_instance, limits.max_instances) {
        (Some(max), _) if spec.qos.history.depth().is_none_or(|depth| depth > max) => {
            let remedy = "leave it unlimited, use KEEP_LAST of no more, or a cached reader";
            (format!("max_samples_per_instance={max}"), remedy)
        }
        (_, Some(max)) if spec.keyed => {
            (format!("max_instances={max}"), "leave it unlimited, or use a cached reader")
        }
        _ => return Ok(()),
    };
    let (policy, role, topic) = (Policy::ResourceLimits, "a reader", spec.topic.clone());
    Err(BusError::Policy { policy, value, role, topic, remedy })
}

/// Refuses a limit of instances to a writer that is not told which instance a sample is of.
pub(crate) fn check_raw_writer(spec: &EndpointSpec) -> Result<(), BusError> {
    let Some(max) = spec.qos.resource_limits.max_instances.filter(|_| spec.keyed) else {
        return Ok(());
    };
    let (policy, value) = (Policy::ResourceLimits, format!("max_instances={max}"));
    let (role, topic) = ("a raw writer", spec.topic.clone());
    let remedy = "leave it unlimited: it does not tell instances apart";
    Err(BusError::Policy { policy, value, role, topic, remedy })
}

/// What it asks for beyond that type names are equal.
fn strictness(consistency: &TypeConsistency) -> String {
    let asked = [
        (consistency.kind == TypeConsistencyKind::DisallowTypeCoercion, "DISALLOW_TYPE_COERCION"),
        (!consistency.ignore_sequence_bounds, "ignore_sequence_bounds=false"),
        (!consistency.ignore_string_bounds, "ignore_string_bounds=false"),
        (consistency.prevent_type_widening, "prevent_type_widening=true"),
        (consistency.force_type_validation, "force_type_validation=true"),
    ];
    asked
        .into_iter()
        .filter_map(|(asked, what)| asked.then_some(what))
        .collect::<Vec<_>>()
        .join(" ")
}

/// What to do instead of a partition that cannot be kept.
fn partition_remedy(qos: &Qos, ways: Ways) -> Option<&'static str> {
    let mut names = qos.partition.iter().filter(|name| !name.is_empty());
    if names.clone().any(|name| name.contains('\0')) {
        return Some("leave out the NUL in the name");
    }
    match ways.dds {
        Some(Backend::RustDds) if names.next().is_some() => Some(
            "RustDDS announces none: use the Cyclone backend or shared memory alone, or put the \
             partition into the topic name",
        ),
        // A `[` that begins no pattern elsewhere would be one here, and the other way round.
        Some(Backend::Cyclone) if names.any(|name| name.contains(['[', '\\'])) => Some(
            "Cyclone DDS knows no patterns but `*` and `?`: name the partitions one by one, or use \
             shared memory alone",
        ),
        _ => None,
    }
}

/// What to do instead of liveliness that cannot be kept.
fn liveliness_remedy(qos: &Qos, role: Role, ways: Ways) -> Option<&'static str> {
    let liveliness = &qos.liveliness;
    if liveliness.lease < SHORTEST_LEASE {
        return Some("it is looked after every few milliseconds: use a lease of at least 20ms");
    }
    if ways.dds != Some(Backend::RustDds) {
        return None;
    }
    if liveliness.kind != LivelinessKind::Automatic {
        return Some(
            "RustDDS does not compare the kinds, nor send assertions in time: use AUTOMATIC, or the \
             Cyclone backend or shared memory alone",
        );
    }
    match role {
        Role::Reader if !liveliness.lease.is_infinite() => Some(
            "RustDDS does not tell readers of lost liveliness: leave the lease infinite, or use the \
             Cyclone backend or shared memory alone",
        ),
        Role::Writer if liveliness.lease < SHORTEST_ON_RUSTDDS => Some(
            "RustDDS says once a second at most that it is alive: use a lease of at least 3s, or the \
             Cyclone backend or shared memory alone",
        ),
        _ => None,
    }
}

/// Some policies are kept instance by instance: what is late in one is not in another, and each has
/// an owner. Their readers must tell instances apart.
pub(crate) fn check_instances(spec: &EndpointSpec, keys_known: bool) -> Result<(), BusError> {
    if !spec.keyed || keys_known {
        return Ok(());
    }
    let (policy, value, remedy) =
        if spec.qos.destination_order == DestinationOrder::BySourceTimestamp {
            let remedy =
                "give the type, whose key tells instances apart, or use BY_RECEPTION_TIMESTAMP";
            (Policy::DestinationOrder, spec.qos.destination_order.to_string(), remedy)
        } else if spec.qos.ownership == Ownership::Exclusive {
            let remedy = "give the type, whose key tells instances apart";
            (Policy::Ownership, spec.qos.ownership.to_string(), remedy)
        } else if !spec.qos.deadline.is_infinite() {
            let remedy = "give the type, whose key tells instances apart";
            (Policy::Deadline, spec.qos.deadline.to_string(), remedy)
        } else {
            return Ok(());
        };
    let role = "a reader that does not know the type";
    Err(BusError::Policy { policy, value, role, topic: spec.topic.clone(), remedy })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAYS: [Ways; 3] = [
        Ways { dds: None, shm: true },
        Ways { dds: Some(Backend::RustDds), shm: false },
        Ways { dds: Some(Backend::Cyclone), shm: false },
    ];

    /// Which of [`WAYS`] accept it.
    fn accepted(qos: &Qos, role: Role) -> [bool; 3] {
        WAYS.map(|ways| match check("plant/vibration", qos, role, ways) {
            Ok(()) => true,
            Err(BusError::Policy { remedy, .. }) => remedy.is_empty(),
            Err(other) => panic!("{other}"),
        })
    }

    #[test]
    fn presets_are_accepted_everywhere() {
        for qos in [Qos::sensor_data(), Qos::reliable(), Qos::event(), Qos::default_writer()] {
            for role in [Role::Reader, Role::Writer] {
                assert_eq!(accepted(&qos, role), [true; 3]);
            }
        }
        assert!(check("", &Qos::reliable(), Role::Reader, WAYS[0]).is_err());
    }

    #[test]
    fn what_a_backend_lacks_is_refused_there_by_name() {
        let of = |names: &[&str]| Qos {
            partition: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Qos::reliable()
        };
        let qos = of(&["east", "north*"]);
        let error = check("plant/vibration", &qos, Role::Writer, WAYS[1]).unwrap_err().to_string();
        assert!(
            error.contains("PARTITION = east,north* on a writer of `plant/vibration`"),
            "{error}"
        );
        for role in [Role::Reader, Role::Writer] {
            assert_eq!(accepted(&qos, role), [true, false, true]);
            assert_eq!(accepted(&of(&[""]), role), [true; 3], "the default partition");
            assert_eq!(accepted(&of(&["east[12]"]), role), [true, false, false]);
            assert_eq!(accepted(&of(&["a\0b"]), role), [false; 3]);
            let octets = |len| Qos { group_data: vec![1; len], ..Qos::reliable() };
            assert_eq!(accepted(&octets(4088), role), [true, false, true]);
            assert_eq!(accepted(&octets(4091), role), [false; 3]);
        }
    }

    #[test]
    fn types_are_compared_on_cyclone_alone() {
        let mut qos = Qos::reliable();
        qos.type_consistency.ignore_member_names = true;
        assert_eq!(accepted(&qos, Role::Reader), [true; 3], "less than is done");
        qos.type_consistency.prevent_type_widening = true;
        assert_eq!(accepted(&qos, Role::Reader), [false, false, true]);
        assert_eq!(accepted(&qos, Role::Writer), [true; 3], "a policy of readers");
        let both = Ways { dds: Some(Backend::Cyclone), shm: true };
        let error = check("t", &qos, Role::Reader, both).unwrap_err().to_string();
        assert!(error.contains("ENFORCEMENT = prevent_type_widening=true on a reader"), "{error}");
    }

    #[test]
    fn limits_by_instance_are_for_readers_that_keep_instances() {
        let check = |keyed, qos: &Qos| {
            let mut spec = EndpointSpec::new("plant/vibration", "T", keyed);
            spec.qos = qos.clone();
            check_limits(&spec).map_err(|error| error.to_string())
        };
        let mut qos = Qos::reliable();
        qos.resource_limits.max_instances = Some(3);
        assert_eq!(check(false, &qos), Ok(()), "there is one");
        let error = check(true, &qos).unwrap_err();
        assert!(error.starts_with("RESOURCE_LIMITS = max_instances=3 on a reader"), "{error}");
        qos.resource_limits.max_instances = None;
        qos.resource_limits.max_samples_per_instance = Some(8);
        assert!(check(true, &qos).is_err() && check(false, &qos).is_err());
        qos.history = History::KeepLast(8);
        assert_eq!(check(true, &qos), Ok(()), "the depth sees to it");
        qos.history = History::KeepLast(9);
        assert!(check(true, &qos).is_err());
    }

    #[test]
    fn a_participant_announces_its_name_alone() {
        let mut qos = Qos::default_reader();
        assert!(check_participant("plant", &qos).is_ok());
        qos.entity_factory.autoenable_created_entities = false;
        let error = check_participant("plant", &qos).unwrap_err().to_string();
        assert!(error.contains("ENTITY_FACTORY") && error.contains("`plant`"), "{error}");
        qos.user_data = vec![1];
        assert!(check_participant("plant", &qos).unwrap_err().to_string().contains("USER_DATA"));
    }

    #[test]
    fn leases_are_accepted_where_somebody_looks_after_them() {
        let of = |kind, millis| {
            let mut qos = Qos::reliable();
            qos.liveliness.kind = kind;
            qos.liveliness.lease = millis;
            qos
        };
        use LivelinessKind::{Automatic, ManualByParticipant, ManualByTopic};
        for role in [Role::Reader, Role::Writer] {
            for kind in [ManualByParticipant, ManualByTopic] {
                for lease in [Duration::from_millis(20), Duration::INFINITE] {
                    assert_eq!(accepted(&of(kind, lease), role), [true, false, true]);
                }
            }
            let second = of(Automatic, Duration::from_secs(1));
            assert_eq!(accepted(&second, role), [true, false, true]);
            assert_eq!(accepted(&of(Automatic, Duration::from_millis(19)), role), [false; 3]);
        }
        let three = of(Automatic, Duration::from_secs(3));
        assert_eq!(accepted(&three, Role::Writer), [true; 3]);
        assert_eq!(accepted(&three, Role::Reader), [true, false, true]);
    }
}
