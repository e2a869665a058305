//! What cannot be kept: refused when the endpoint is made, by name and with a remedy.

use tidewire_bus::{BusError, now_ns};
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

/// Limits by instance need a reader that keeps instances, and a writer that knows them.
pub fn max_instances(c: &Combination<'_>) -> Found {
    let mut qos = everything();
    qos.resource_limits.max_instances = Some(2);
    if c.keyed {
        let sides = if c.typed { "reader" } else { "writer reader" };
        if c.typed {
            let (writer, reader) = c.matched("two", &qos, &everything()).unwrap();
            writer.put(1, 1);
            writer.put(2, 2);
            let third = writer.try_put(3, 3, now_ns()).unwrap_err().to_string();
            assert!(third.contains("max_instances"), "{third}");
            writer.put(2, 4);
            assert_eq!(reader.up_to(4), [1, 2, 4]);
            if writer.end(1, false).is_ok() {
                writer.put(3, 5);
                assert_eq!(reader.up_to(5), [5], "one has made room");
            }
        }
        return refused(c, Policy::ResourceLimits, &qos, sides);
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
