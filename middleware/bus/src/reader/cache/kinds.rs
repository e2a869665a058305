//! The states of samples and instances that a cached reader tells, and how to choose by them.

use tidewire_idl::SampleInfo;

/// Whether a sample was read before (`sample_state`, DDS 1.4, 2.2.2.5.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SampleStateKind {
    /// It was.
    Read = 1,
    /// It is shown for the first time.
    NotRead = 2,
}

/// Whether an instance is new to the reader (`view_state`, DDS 1.4, 2.2.2.5.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ViewStateKind {
    /// Nothing of it was read since it came, or came back to life.
    New = 1,
    /// Something was.
    NotNew = 2,
}

/// What has become of an instance (`instance_state`, DDS 1.4, 2.2.2.5.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstanceStateKind {
    /// Somebody writes it.
    Alive = 1,
    /// A writer has disposed it, and nobody has written it since.
    NotAliveDisposed = 2,
    /// All who wrote it have unregistered it or are gone.
    NotAliveNoWriters = 4,
}

/// Which samples are meant, by their states: each kind must be among those allowed.
///
/// ```
/// use tidewire_bus::{InstanceStateKind, SampleStateKind, States};
///
/// let fresh = States::ANY.samples(SampleStateKind::NotRead);
/// assert_eq!(fresh, States::NOT_READ);
/// let ended = States::ANY
///     .instances([InstanceStateKind::NotAliveDisposed, InstanceStateKind::NotAliveNoWriters]);
/// assert_eq!(ended, States::NOT_ALIVE);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct States {
    samples: u8,
    views: u8,
    instances: u8,
}

impl States {
    /// All of them.
    pub const ANY: Self = Self { samples: 3, views: 3, instances: 7 };
    /// Samples that were not read yet.
    pub const NOT_READ: Self = Self { samples: SampleStateKind::NotRead as u8, ..Self::ANY };
    /// Samples of instances that somebody writes.
    pub const ALIVE: Self = Self { instances: InstanceStateKind::Alive as u8, ..Self::ANY };
    /// Samples of instances that have ended.
    pub const NOT_ALIVE: Self = Self {
        instances: InstanceStateKind::NotAliveDisposed as u8
            | InstanceStateKind::NotAliveNoWriters as u8,
        ..Self::ANY
    };

    /// Only samples of this kind.
    pub const fn samples(self, kind: SampleStateKind) -> Self {
        Self { samples: kind as u8, ..self }
    }

    /// Only of instances of this kind.
    pub const fn views(self, kind: ViewStateKind) -> Self {
        Self { views: kind as u8, ..self }
    }

    /// Only of instances in one of these states.
    pub fn instances(self, kinds: impl IntoIterator<Item = InstanceStateKind>) -> Self {
        let instances = kinds.into_iter().fold(0, |all, kind| all | kind as u8);
        Self { instances, ..self }
    }

    pub(super) fn has_instance(self, view: ViewStateKind, instance: InstanceStateKind) -> bool {
        self.views & view as u8 != 0 && self.instances & instance as u8 != 0
    }

    pub(super) fn has_sample(self, sample: SampleStateKind) -> bool {
        self.samples & sample as u8 != 0
    }
}

/// What is told of a sample beside [`SampleInfo`] (DDS 1.4, 2.2.2.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleStates {
    /// Whether it was read before this call.
    pub sample_state: SampleStateKind,
    /// Whether its instance was new before this call.
    pub view_state: ViewStateKind,
    /// What has become of its instance by now.
    pub instance_state: InstanceStateKind,
    /// How often the instance had come back after a dispose when the sample came.
    pub disposed_generation_count: u32,
    /// How often the instance had come back after it had no writers when the sample came.
    pub no_writers_generation_count: u32,
    /// Samples of the same instance that follow in what the call returned.
    pub sample_rank: u32,
    /// Generations between this sample and the last of its instance in what the call returned.
    pub generation_rank: u32,
    /// Generations between this sample and the last of its instance that ever came.
    pub absolute_generation_rank: u32,
}

/// A sample as a cached reader shows it: `D` is the type, or [`Bytes`](bytes::Bytes) of a raw reader.
#[derive(Clone, Debug, PartialEq)]
pub struct CachedSample<D> {
    /// The value; `None` where only the state of the instance has changed (`valid_data` is false,
    /// DDS 1.4, 2.2.2.5.1.1).
    pub data: Option<D>,
    /// Without a value: the key members, with defaults in all others; of a raw reader the serialised
    /// key. `None` on topics without a key, and where the writer has sent only a hash.
    pub key: Option<D>,
    /// Who wrote it, when, which instance. Where the writers are gone, this names the last of them,
    /// the time at which that was noticed, and sequence number 0.
    pub info: SampleInfo,
    /// What has become of it and of its instance.
    pub states: SampleStates,
}
