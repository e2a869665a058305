//! What cannot be kept: refused when the endpoint is made, by name and with a remedy.

use tidewire_bus::BusError;
use tidewire_qos::policy::{AccessScope, DataRepresentation, Policy};
use tidewire_qos::support::Support;
use tidewire_qos::{Duration, Qos};

use crate::cases::Found;
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
