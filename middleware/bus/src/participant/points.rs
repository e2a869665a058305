//! Collection points: the name of the participant behind a writer's GUID.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tidewire_dds::DdsParticipant;
use tidewire_shm::ShmDomain;
use tidewire_transport::Prefix;

/// Names by prefix, looked up once each.
#[derive(Default)]
pub(crate) struct Points(RwLock<HashMap<Prefix, Arc<str>>>);

impl Points {
    pub fn set(&self, prefix: Prefix, name: Arc<str>) {
        self.0.write().insert(prefix, name);
    }

    /// Forgets what discovery has news of.
    pub fn forget(&self, prefix: &Prefix) {
        self.0.write().remove(prefix);
    }

    /// The participant's name where it has told one, else eight hex digits of its prefix.
    pub fn of(
        &self,
        prefix: &Prefix,
        shm: Option<&ShmDomain>,
        dds: Option<&DdsParticipant>,
    ) -> Arc<str> {
        if let Some(name) = self.0.read().get(prefix) {
            return name.clone();
        }
        let name = shm
            .and_then(|shm| shm.name_of(prefix))
            .or_else(|| dds?.with_discovered(|known| known.participants.get(prefix)?.name.clone()))
            .unwrap_or_else(|| unnamed(prefix));
        self.set(*prefix, name.clone());
        name
    }
}

/// Vendors put their random bits into different places; the middle four bytes have some in all.
fn unnamed(prefix: &Prefix) -> Arc<str> {
    prefix[4..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unnamed_participant_is_eight_hex_digits() {
        let points = Points::default();
        let prefix = [1, 16, 0, 0, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 1];
        assert_eq!(&*points.of(&prefix, None, None), "deadbeef");
        points.set(prefix, "plant/arm".into());
        assert_eq!(&*points.of(&prefix, None, None), "plant/arm");
    }
}
