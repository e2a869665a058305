//! Collection points: the name of the participant behind a writer's GUID.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use tidewire_shm::ShmDomain;
use tidewire_transport::Prefix;

use crate::backend::DdsParticipant;

/// Names by prefix, looked up once each.
#[derive(Default)]
pub(crate) struct Points {
    names: RwLock<HashMap<Prefix, Arc<str>>>,
    /// Counts names forgotten.
    version: AtomicU64,
}

/// The name last asked for: samples come in runs.
#[derive(Default)]
pub(crate) struct LastPoint(Option<(Prefix, u64, Arc<str>)>);

impl LastPoint {
    /// As [`Points::of`], by `look_up` only where the last answer does not hold.
    pub fn of(
        &mut self,
        points: &Points,
        prefix: &Prefix,
        look_up: impl FnOnce() -> Arc<str>,
    ) -> Arc<str> {
        let version = points.version.load(Ordering::Acquire);
        match &self.0 {
            Some((last, at, name)) if last == prefix && *at == version => name.clone(),
            _ => {
                let name = look_up();
                self.0 = Some((*prefix, version, name.clone()));
                name
            }
        }
    }
}

impl Points {
    pub fn set(&self, prefix: Prefix, name: Arc<str>) {
        self.names.write().insert(prefix, name);
    }

    /// Forgets what discovery has news of.
    pub fn forget(&self, prefix: &Prefix) {
        self.names.write().remove(prefix);
        self.version.fetch_add(1, Ordering::Release);
    }

    /// The participant's name where it has told one, else eight hex digits of its prefix.
    pub fn of(
        &self,
        prefix: &Prefix,
        shm: Option<&ShmDomain>,
        dds: Option<&DdsParticipant>,
    ) -> Arc<str> {
        if let Some(name) = self.names.read().get(prefix) {
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

    #[test]
    fn a_name_is_looked_up_again_when_discovery_has_news() {
        let (points, mut last) = (Points::default(), LastPoint::default());
        let prefix = [7; 12];
        let mut name = |now: &str| last.of(&points, &prefix, || now.into());
        assert_eq!(&*name("deadbeef"), "deadbeef");
        assert_eq!(&*name("plant/arm"), "deadbeef", "nothing has changed");
        points.forget(&[8; 12]);
        assert_eq!(&*name("plant/arm"), "plant/arm");
    }
}
