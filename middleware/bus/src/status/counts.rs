//! What the statuses say (DDS 1.4, 2.2.4.1). Each has what it counted since the endpoint was made
//! and, in `*_change`, what of that is new since it was last read.

use tidewire_idl::{Guid, KeyHash};
use tidewire_qos::Policy;

/// SUBSCRIPTION_MATCHED of a reader, PUBLICATION_MATCHED of a writer. Somebody on this host counts
/// once, though shared memory and DDS both know him.
///
/// ```
/// use tidewire_bus::{Matched, Participant};
/// use tidewire_qos::Qos;
/// use tidewire_types::bench::Block64;
///
/// let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
/// let writer = bus.writer::<Block64>("blocks", &Qos::reliable())?;
/// let reader = bus.reader::<Block64>("blocks", &Qos::reliable())?;
/// writer.wait_for_readers(1, std::time::Duration::from_secs(10))?;
/// let Matched { total, current_change, last, .. } = writer.publication_matched();
/// assert_eq!((total, current_change, last), (1, 1, Some(reader.guid())));
/// # Ok::<(), tidewire_bus::BusError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// Endpoints of the other side that were ever matched.
    pub total: u64,
    /// Of these, new ones.
    pub total_change: u64,
    /// Matched now.
    pub current: u64,
    /// How many more, or fewer, than when last read.
    pub current_change: i64,
    /// Who was matched last, or gone last if that was later.
    pub last: Option<Guid>,
}

/// REQUESTED_INCOMPATIBLE_QOS of a reader, OFFERED_INCOMPATIBLE_QOS of a writer.
///
/// ```
/// use tidewire_bus::{Participant, StatusMask};
/// use tidewire_qos::Qos;
/// use tidewire_types::bench::Block64;
///
/// let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
/// let reader = bus.reader::<Block64>("blocks", &Qos::event())?;
/// let _writer = bus.writer::<Block64>("blocks", &Qos::sensor_data())?;
/// let set = bus.wait_set();
/// set.attach(&reader.status_condition(StatusMask::REQUESTED_INCOMPATIBLE_QOS))?;
/// assert_eq!(set.wait(std::time::Duration::from_secs(10)).len(), 1);
/// let found = reader.requested_incompatible_qos();
/// let kept_apart: Vec<String> = found.policies.iter().map(|(p, n)| format!("{p}: {n}")).collect();
/// assert_eq!((found.total, kept_apart.join(", ")), (1, "DURABILITY: 1, RELIABILITY: 1".to_owned()));
/// # Ok::<(), tidewire_bus::BusError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncompatibleQos {
    /// Endpoints on the topic that were ever found not to fit.
    pub total: u64,
    /// Of these, new ones.
    pub total_change: u64,
    /// A policy that kept the last of them away.
    pub last_policy: Option<Policy>,
    /// How many each policy has kept away, in the order of the policies' ids.
    pub policies: Vec<(Policy, u64)>,
}

/// SAMPLE_LOST: samples that were written while matched and never came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleLost {
    /// All of them.
    pub total: u64,
    /// New ones.
    pub total_change: u64,
}

/// SAMPLE_REJECTED: samples for which a cached reader had no room.
///
/// ```
/// use std::time::Duration;
/// use tidewire_bus::{Participant, RejectedReason, States};
/// use tidewire_qos::Qos;
/// use tidewire_types::bench::Block64;
///
/// let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
/// let mut few = Qos::reliable();
/// few.resource_limits.max_samples = Some(2);
/// let reader = bus.cached_reader::<Block64>("blocks", &few)?;
/// let writer = bus.writer::<Block64>("blocks", &Qos::reliable())?;
/// writer.wait_for_readers(1, Duration::from_secs(10))?;
/// for value in 1..=3 {
///     writer.write(&Block64 { data: [value; 64] })?;
/// }
/// assert_eq!(reader.take(9, States::ANY)?.len(), 2);
/// let rejected = reader.sample_rejected();
/// assert_eq!((rejected.total, rejected.last_reason), (1, RejectedReason::BySamplesLimit));
/// assert_eq!(reader.take(9, States::ANY)?[0].data.as_ref().unwrap().data, [3; 64], "it had to wait");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleRejected {
    /// All of them.
    pub total: u64,
    /// New ones.
    pub total_change: u64,
    /// Why the last one was.
    pub last_reason: RejectedReason,
    /// The instance of the last one; all zero on topics without a key.
    pub last_instance: KeyHash,
}

/// Which limit of RESOURCE_LIMITS a sample met (`SampleRejectedStatusKind`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RejectedReason {
    /// None was rejected.
    #[default]
    NotRejected,
    /// `max_instances`. The sample is gone.
    ByInstancesLimit,
    /// `max_samples`. RELIABLE: the sample waits until something is taken, and its writer with it.
    BySamplesLimit,
    /// `max_samples_per_instance`. RELIABLE: as above.
    BySamplesPerInstanceLimit,
}
