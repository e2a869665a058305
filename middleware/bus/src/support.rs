//! Which policies can be kept: checked when an endpoint is made, so that nothing is ignored later.

use tidewire_qos::Qos;
use tidewire_qos::policy::{
    AccessScope, DataRepresentation, DestinationOrder, History, LivelinessKind, Ownership, Policy,
};

use tidewire_transport::EndpointSpec;

use crate::error::BusError;

/// Which side asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Reader,
    Writer,
}

/// Refuses what could not be kept. Hints (LATENCY_BUDGET, TRANSPORT_PRIORITY) are always kept: the
/// standard lets a transport do nothing about them.
pub(crate) fn check(topic: &str, qos: &Qos, role: Role) -> Result<(), BusError> {
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
    if qos.partition.iter().any(|name| !name.is_empty()) {
        return refuse(
            Policy::Partition,
            qos.partition.join(","),
            "put the partition into the topic name",
        );
    }
    if qos.liveliness.kind != LivelinessKind::Automatic {
        return refuse(Policy::Liveliness, qos.liveliness.kind.to_string(), "use AUTOMATIC");
    }
    if role == Role::Reader && !qos.liveliness.lease.is_infinite() {
        return refuse(
            Policy::Liveliness,
            format!("lease {}", qos.liveliness.lease),
            "lost liveliness is not reported yet; leave the lease infinite",
        );
    }
    let presentation = &qos.presentation;
    if presentation.coherent_access || presentation.access_scope == AccessScope::Group {
        return refuse(
            Policy::Presentation,
            format!("{} coherent={}", presentation.access_scope, presentation.coherent_access),
            "use INSTANCE or TOPIC scope without coherent access",
        );
    }
    for (policy, data) in [
        (Policy::UserData, &qos.user_data),
        (Policy::TopicData, &qos.topic_data),
        (Policy::GroupData, &qos.group_data),
    ] {
        if !data.is_empty() {
            return refuse(
                policy,
                format!("{} bytes", data.len()),
                "the bus does not announce it; leave it empty",
            );
        }
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
    if qos.history == History::KeepLast(0) {
        return refuse(Policy::History, "KEEP_LAST(0)".to_owned(), "use a depth of at least 1");
    }
    let xml = qos.data_representation.contains(&DataRepresentation::Xml);
    if xml && (role == Role::Reader || qos.representations()[0] == DataRepresentation::Xml) {
        return refuse(Policy::DataRepresentation, "XML".to_owned(), "use XCDR1 or XCDR2");
    }
    Ok(())
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

    #[test]
    fn presets_are_accepted_and_partitions_refused_by_name() {
        for qos in [Qos::sensor_data(), Qos::reliable(), Qos::event(), Qos::default_writer()] {
            for role in [Role::Reader, Role::Writer] {
                check("t", &qos, role).unwrap();
            }
        }
        let qos = Qos { partition: vec!["east".into()], ..Qos::reliable() };
        let error = check("plant/vibration", &qos, Role::Writer).unwrap_err().to_string();
        assert!(error.contains("PARTITION = east on a writer of `plant/vibration`"), "{error}");
        assert!(check("", &Qos::reliable(), Role::Reader).is_err());
    }
}
