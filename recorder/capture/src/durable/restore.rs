//! PERSISTENT topics from the recording: what the service kept before it was gone.

use tidewire_idl::Sample;
use tidewire_qos::Qos;
use tidewire_qos::policy::Durability;
use tidewire_store::{StoreError, StoreReader, TopicMeta};

/// Gives each sample of each PERSISTENT topic to `keep`, in order of source time, and says how many.
pub(super) fn restore(
    past: &StoreReader,
    mut keep: impl FnMut(&TopicMeta, &Qos, Sample),
) -> Result<u64, StoreError> {
    let mut samples = 0;
    for topic in past.topics() {
        let Ok(qos) = serde_json::from_value::<Qos>(topic.meta.qos.clone()) else { continue };
        if qos.durability != Durability::Persistent {
            continue;
        }
        for item in past.merged(&[&topic.meta.name], None, None)? {
            let (_, sample) = item?;
            keep(&topic.meta, &qos, sample);
            samples += 1;
        }
    }
    Ok(samples)
}
