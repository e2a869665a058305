//! Between our policies and Cyclone's.

mod announced;
mod made;

use cyclors as c;

pub(crate) use announced::{announced, entity_name};
pub(crate) use made::{accepted, reader, topic, writer};

use crate::endpoint::c_string;

/// Cyclone's policies, owned.
pub(crate) struct CQos(*mut c::dds_qos_t);

impl CQos {
    pub fn new() -> Self {
        // SAFETY: no arguments.
        Self(unsafe { c::dds_create_qos() })
    }

    pub fn as_ptr(&self) -> *const c::dds_qos_t {
        self.0
    }

    pub fn entity_name(self, name: &str) -> Result<Self, String> {
        let name = c_string(name)?;
        // SAFETY: both are valid; the name is copied.
        unsafe { c::dds_qset_entity_name(self.0, name.as_ptr()) };
        Ok(self)
    }

    /// One that discovery does not show.
    pub fn property(self, name: &str, value: &str) -> Result<Self, String> {
        let (name, value) = (c_string(name)?, c_string(value)?);
        // SAFETY: all are valid; both texts are copied.
        unsafe { c::dds_qset_prop(self.0, name.as_ptr(), value.as_ptr()) };
        Ok(self)
    }
}

impl Drop for CQos {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { c::dds_delete_qos(self.0) }
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_qos::policy::{
        AccessScope, DataRepresentation, DestinationOrder, LivelinessKind, Ownership,
    };
    use tidewire_qos::{Duration, Liveliness, Presentation, Qos};

    #[test]
    fn announced_policies_come_back_the_same() {
        let qos = Qos {
            deadline: Duration::from_millis(20),
            latency_budget: Duration::from_micros(50),
            lifespan: Duration::from_secs(9),
            liveliness: Liveliness {
                kind: LivelinessKind::ManualByTopic,
                lease: Duration::from_secs(3),
            },
            ownership: Ownership::Exclusive,
            ownership_strength: 7,
            partition: vec!["east".into(), "plant*".into()],
            transport_priority: 3,
            destination_order: DestinationOrder::BySourceTimestamp,
            presentation: Presentation {
                access_scope: AccessScope::Topic,
                coherent_access: false,
                ordered_access: true,
            },
            user_data: vec![1, 2, 3],
            group_data: vec![4],
            data_representation: vec![DataRepresentation::Xcdr2],
            ..Qos::event()
        };
        let made = writer(&qos).unwrap();
        // SAFETY: `made` is valid.
        let back = unsafe { announced(made.as_ptr(), true) };
        assert_eq!(back, Qos { history: back.history, ..qos.clone() });
        let filtered = Qos { time_based_filter: Duration::from_millis(5), ..Qos::reliable() };
        let made = reader(&filtered).unwrap();
        // SAFETY: `made` is valid.
        let back = unsafe { announced(made.as_ptr(), false) };
        assert_eq!(back.time_based_filter, filtered.time_based_filter);
        assert_eq!(back.reliability, filtered.reliability);
        assert_eq!(
            back.data_representation,
            [DataRepresentation::Xcdr1, DataRepresentation::Xcdr2]
        );
    }
}
