//! What cannot be kept: refused when the endpoint is made, by name and with a remedy.

use tidewire_bus::BusError;
use tidewire_qos::policy::{AccessScope, DataRepresentation, Policy, TypeConsistencyKind};
use tidewire_qos::support::Support;
use tidewire_qos::{Duration, Qos};

use crate::cases::Found;
use crate::common::everything;
use crate::face::Combination;

/// Both sides must refuse, or the one that the policy is of.
pub fn refused(c: &Combination<'_>, policy: Policy, qos: &Qos, sides: &str) -> Found {
    let mut note = String::new();
    for side in sides.split_whitespace() {
        let error = match side {
            "writer" => c.writer("refused", qos).err(),
            _ => c.reader("refused", qos).err(),
        };
        match error {
            Some(BusError::Policy { policy: named, remedy, .. }) => {
                assert_eq!(named, policy);
                note = remedy.into();
            }
            other => panic!("a {side} of {qos} gave {other:?}"),
        }
    }
    Found { support: Support::Refused, note }
}

/// Limits by instance need a reader that keeps instances.
pub fn max_instances(c: &Combination<'_>) -> Found {
    let mut qos = everything();
    qos.resource_limits.max_instances = Some(2);
    if c.keyed {
        return refused(c, Policy::ResourceLimits, &qos, "reader");
    }
    c.fits("one", &everything(), &qos);
    Found::nothing("a topic without a key has one instance")
}

/// Stricter than names, which only the Cyclone backend can be.
pub fn strict_types(c: &Combination<'_>) -> Found {
    let mut qos = everything();
    qos.type_consistency.kind = TypeConsistencyKind::DisallowTypeCoercion;
    if !c.is_cyclone() {
        return refused(c, Policy::TypeConsistency, &qos, "reader");
    }
    c.fits("the same type", &everything(), &qos);
    match c.typed {
        true => Found::mostly("against writers that announce a type; others by name"),
        false => Found::mostly("by name: a raw endpoint announces no type"),
    }
}

macro_rules! refusal {
    ($($name:ident: $policy:ident on $sides:literal, |$qos:ident| $set:expr;)*) => {$(
        pub fn $name(c: &Combination<'_>) -> Found {
            let mut $qos = Qos::reliable();
            $set;
            refused(c, Policy::$policy, &$qos, $sides)
        }
    )*};
}

refusal! {
    group: Presentation on "writer reader",
        |qos| qos.presentation.access_scope = AccessScope::Group;
    coherent: Presentation on "writer reader", |qos| qos.presentation.coherent_access = true;
    autopurge: ReaderDataLifecycle on "reader", |qos| {
        qos.reader_data_lifecycle.autopurge_disposed_samples_delay = Duration::from_secs(1);
    };
    entity_factory: EntityFactory on "writer reader",
        |qos| qos.entity_factory.autoenable_created_entities = false;
    xml: DataRepresentation on "writer reader",
        |qos| qos.data_representation = vec![DataRepresentation::Xml];
}
