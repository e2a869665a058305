//! What can be waited for (DDS 1.4, 2.2.2.1.7 to 2.2.2.1.9, 2.2.2.5.8 and 2.2.2.5.9).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::RwLock;
use tidewire_filter::{Filter, FilterError};

use crate::participant::Core;
use crate::reader::{Query, ReaderCore, States, Which};
use crate::status::StatusMask;
use crate::writer::WriterCore;

/// True while a status of an endpoint has changed and was not read since.
///
/// Made by `status_condition` of readers and writers. When the endpoint is gone it is false.
///
/// ```
/// use tidewire_bus::{Participant, StatusMask};
/// use tidewire_qos::Qos;
/// use tidewire_types::bench::Block64;
///
/// let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
/// let writer = bus.writer::<Block64>("blocks", &Qos::reliable())?;
/// let condition = writer.status_condition(StatusMask::PUBLICATION_MATCHED);
/// assert!(condition.changes().is_empty());
/// let _reader = bus.reader::<Block64>("blocks", &Qos::reliable())?;
/// let set = bus.wait_set();
/// set.attach(&condition)?;
/// assert!(set.wait(std::time::Duration::from_secs(10))[0] == condition);
/// assert_eq!(writer.publication_matched().current, 1);
/// assert!(condition.changes().is_empty(), "it was read");
/// # Ok::<(), tidewire_bus::BusError>(())
/// ```
#[derive(Clone, Debug)]
pub struct StatusCondition(Arc<OfStatus>);

#[derive(Debug)]
struct OfStatus {
    entity: Entity,
    mask: StatusMask,
}

/// Not counted: a condition does not keep its entity.
enum Entity {
    Reader(Weak<ReaderCore>),
    Writer(Weak<WriterCore>),
}

impl std::fmt::Debug for Entity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Reader(_) => "Reader",
            Self::Writer(_) => "Writer",
        })
    }
}

impl StatusCondition {
    pub(crate) fn of_reader(reader: &Arc<ReaderCore>, mask: StatusMask) -> Self {
        Self(Arc::new(OfStatus { entity: Entity::Reader(Arc::downgrade(reader)), mask }))
    }

    pub(crate) fn of_writer(writer: &Arc<WriterCore>, mask: StatusMask) -> Self {
        Self(Arc::new(OfStatus { entity: Entity::Writer(Arc::downgrade(writer)), mask }))
    }

    /// The statuses it looks at.
    pub fn enabled(&self) -> StatusMask {
        self.0.mask
    }

    /// Those of them that have changed.
    pub fn changes(&self) -> StatusMask {
        let mask = self.0.mask;
        match &self.0.entity {
            Entity::Reader(reader) => reader.upgrade().map(|reader| reader.status_changes(mask)),
            Entity::Writer(writer) => writer.upgrade().map(|writer| writer.status_changes(mask)),
        }
        .unwrap_or_default()
    }

    fn core(&self) -> Option<Arc<Core>> {
        match &self.0.entity {
            Entity::Reader(reader) => Some(reader.upgrade()?.core.clone()),
            Entity::Writer(writer) => Some(writer.upgrade()?.core.clone()),
        }
    }
}

/// True while a cached reader has samples in certain states, and with certain content if it was made by
/// `query_condition` (the standard's QueryCondition).
///
/// Made by cached readers, which also `read_with` and `take_with` it. When the reader is gone it is
/// false.
///
/// ```
/// use tidewire_bus::{Participant, States};
/// use tidewire_qos::Qos;
/// use tidewire_types::sensor::Temperature;
///
/// let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
/// let reader = bus.cached_reader::<Temperature>("temperature", &Qos::reliable())?;
/// let hot = reader.query_condition(States::NOT_READ, "celsius > %0", &["80"])?;
/// hot.set_query_parameters(&["75.5"])?;
/// assert_eq!((hot.states(), hot.trigger_value()), (States::NOT_READ, false));
/// assert!(reader.query_condition(States::ANY, "kelvin > 300", &[]).is_err(), "no such field");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReadCondition(Arc<OfSamples>);

struct OfSamples {
    reader: Weak<ReaderCore>,
    states: States,
    filter: Option<RwLock<Filter>>,
}

impl std::fmt::Debug for OfSamples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let filter = self.filter.as_ref().map(|filter| filter.read().clone());
        f.debug_struct("OfSamples").field("states", &self.states).field("filter", &filter).finish()
    }
}

impl ReadCondition {
    pub(crate) fn new(reader: &Arc<ReaderCore>, states: States, filter: Option<Filter>) -> Self {
        let reader = Arc::downgrade(reader);
        Self(Arc::new(OfSamples { reader, states, filter: filter.map(RwLock::new) }))
    }

    /// The states that samples must have.
    pub fn states(&self) -> States {
        self.0.states
    }

    /// The expression that samples must match, with the parameters now in force.
    pub fn filter(&self) -> Option<Filter> {
        self.0.filter.as_ref().map(|filter| filter.read().clone())
    }

    /// Gives the expression other parameters (`set_query_parameters`, DDS 1.4, 2.2.2.5.9.2).
    ///
    /// # Errors
    /// [`FilterError`] for parameters that do not fit; the old ones stay. Without an expression there
    /// are none to give, and none may be given.
    pub fn set_query_parameters(&self, parameters: &[&str]) -> Result<(), FilterError> {
        match &self.0.filter {
            Some(filter) => filter.write().set_parameters(parameters),
            None => Ok(()),
        }
    }

    /// Whether there are such samples now.
    pub fn trigger_value(&self) -> bool {
        let Some(reader) = self.0.reader.upgrade() else { return false };
        let filter = self.filter();
        let Self(condition) = self;
        reader.has(&Query {
            which: Which::All,
            states: condition.states,
            filter: filter.as_ref(),
            max: 1,
        })
    }

    /// Whether it is of this reader.
    pub(crate) fn is_of(&self, reader: &Arc<ReaderCore>) -> bool {
        std::ptr::eq(self.0.reader.as_ptr(), Arc::as_ptr(reader))
    }
}

/// True when the application says so.
///
/// ```
/// use tidewire_bus::Participant;
///
/// let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
/// let (set, stop) = (bus.wait_set(), bus.guard_condition());
/// set.attach(&stop)?;
/// let waiting = { let stop = stop.clone(); std::thread::spawn(move || stop.set_trigger_value(true)) };
/// assert!(set.wait(std::time::Duration::from_secs(10))[0] == stop);
/// # waiting.join().unwrap();
/// # Ok::<(), tidewire_bus::BusError>(())
/// ```
#[derive(Clone)]
pub struct GuardCondition(Arc<OfApplication>);

struct OfApplication {
    core: Weak<Core>,
    value: AtomicBool,
}

impl std::fmt::Debug for GuardCondition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("GuardCondition").field(&self.trigger_value()).finish()
    }
}

impl GuardCondition {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        let value = AtomicBool::new(false);
        Self(Arc::new(OfApplication { core: Arc::downgrade(core), value }))
    }

    /// Makes it true or false. True wakes whoever waits for it.
    pub fn set_trigger_value(&self, value: bool) {
        self.0.value.store(value, Ordering::Release);
        if value && let Some(core) = self.0.core.upgrade() {
            core.wake.wake();
        }
    }

    /// What it was made last.
    pub fn trigger_value(&self) -> bool {
        self.0.value.load(Ordering::Acquire)
    }
}

/// Something to wait for with a [`WaitSet`](crate::WaitSet). Two are equal if they are clones of one.
#[derive(Clone, Debug)]
pub enum Condition {
    /// A status has changed.
    Status(StatusCondition),
    /// There are samples to read.
    Read(ReadCondition),
    /// The application says so.
    Guard(GuardCondition),
}

impl Condition {
    /// Whether it is true now.
    pub fn trigger_value(&self) -> bool {
        match self {
            Self::Status(condition) => !condition.changes().is_empty(),
            Self::Read(condition) => condition.trigger_value(),
            Self::Guard(condition) => condition.trigger_value(),
        }
    }

    pub(super) fn core(&self) -> Option<Arc<Core>> {
        match self {
            Self::Status(condition) => condition.core(),
            Self::Read(condition) => Some(condition.0.reader.upgrade()?.core.clone()),
            Self::Guard(condition) => condition.0.core.upgrade(),
        }
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Status(a), Self::Status(b)) => Arc::ptr_eq(&a.0, &b.0),
            (Self::Read(a), Self::Read(b)) => Arc::ptr_eq(&a.0, &b.0),
            (Self::Guard(a), Self::Guard(b)) => Arc::ptr_eq(&a.0, &b.0),
            _ => false,
        }
    }
}

impl Eq for Condition {}

macro_rules! from {
    ($($variant:ident $condition:ident;)*) => {$(
        impl From<&$condition> for Condition {
            fn from(condition: &$condition) -> Self {
                Self::$variant(condition.clone())
            }
        }

        impl PartialEq<$condition> for Condition {
            fn eq(&self, other: &$condition) -> bool {
                matches!(self, Self::$variant(own) if Arc::ptr_eq(&own.0, &other.0))
            }
        }
    )*};
}

from! {
    Status StatusCondition;
    Read ReadCondition;
    Guard GuardCondition;
}
