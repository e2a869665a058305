//! Waiting for several things at once (DDS 1.4, 2.2.2.1.6 and 2.2.4.4).

mod condition;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::BusError;
use crate::participant::Core;

pub use condition::{Condition, GuardCondition, ReadCondition, StatusCondition};

/// Waits until one of its conditions is true. They are of the entities of one participant, whose wake-up
/// word it sleeps on; see [`Participant::wait_set`](crate::Participant::wait_set).
///
/// ```
/// use std::time::Duration;
/// use tidewire_bus::{Participant, SampleStateKind, States, StatusMask};
/// use tidewire_qos::Qos;
/// use tidewire_types::sensor::Temperature;
///
/// let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
/// let reader = bus.cached_reader::<Temperature>("temperature", &Qos::reliable())?;
/// let writer = bus.writer::<Temperature>("temperature", &Qos::reliable())?;
/// writer.wait_for_readers(1, Duration::from_secs(10))?;
///
/// let hot = reader.query_condition(States::NOT_READ, "celsius > %0", &["80"])?;
/// let lost = reader.status_condition(StatusMask::SAMPLE_LOST);
/// let stop = bus.guard_condition();
/// let set = bus.wait_set();
/// set.attach(&hot)?;
/// set.attach(&lost)?;
/// set.attach(&stop)?;
///
/// for celsius in [21.0, 81.0] {
///     writer.write(&Temperature { point: "pump1".into(), celsius })?;
/// }
/// let active = set.wait(Duration::from_secs(10));
/// assert!(active.len() == 1 && active[0] == hot);
/// assert_eq!(reader.take_with(&hot, usize::MAX)?[0].data.as_ref().unwrap().celsius, 81.0);
/// stop.set_trigger_value(true);
/// assert!(set.wait(Duration::from_secs(10))[0] == stop);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WaitSet {
    core: Arc<Core>,
    conditions: Mutex<Vec<Condition>>,
}

impl WaitSet {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self { core: core.clone(), conditions: Mutex::default() }
    }

    /// Adds a condition. One that is there already stays there once. A thread that waits looks at it
    /// at once.
    ///
    /// # Errors
    /// [`BusError::OtherParticipant`] if its entity is of another participant, [`BusError::Gone`] if
    /// that is no more.
    pub fn attach(&self, condition: impl Into<Condition>) -> Result<(), BusError> {
        let condition = condition.into();
        let core = condition.core().ok_or(BusError::Gone)?;
        if !Arc::ptr_eq(&core, &self.core) {
            return Err(BusError::OtherParticipant {
                theirs: core.name.to_string(),
                ours: self.core.name.to_string(),
            });
        }
        if matches!(condition, Condition::Status(_)) {
            // Shared memory wakes nobody when endpoints come and go: it is looked after.
            core.start_watch()?;
        }
        let mut conditions = self.conditions.lock();
        if !conditions.contains(&condition) {
            conditions.push(condition);
        }
        drop(conditions);
        core.wake.wake();
        Ok(())
    }

    /// Removes a condition; says whether it was there.
    pub fn detach(&self, condition: impl Into<Condition>) -> bool {
        let condition = condition.into();
        let mut conditions = self.conditions.lock();
        let before = conditions.len();
        conditions.retain(|attached| *attached != condition);
        conditions.len() < before
    }

    /// The conditions attached, in the order in which they were.
    pub fn conditions(&self) -> Vec<Condition> {
        self.conditions.lock().clone()
    }

    /// The conditions that are true, once at least one is; none if `timeout` has passed.
    pub fn wait(&self, timeout: Duration) -> Vec<Condition> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            let epoch = self.core.wake.epoch();
            let active = self.active();
            let left = match deadline {
                Some(deadline) => deadline.saturating_duration_since(Instant::now()),
                None => Duration::MAX,
            };
            if !active.is_empty() || left.is_zero() {
                return active;
            }
            self.core.wait_since(epoch, left.min(A_WHILE));
        }
    }

    /// As [`wait`](Self::wait) without end, for async code.
    ///
    /// # Errors
    /// [`BusError::Thread`] if the thread that wakes async code cannot be started.
    pub async fn wait_async(&self) -> Result<Vec<Condition>, BusError> {
        let notify = self.core.notify()?;
        loop {
            let notified = notify.notified();
            tokio::pin!(notified);
            // Listening before looking: what comes in between is not missed.
            notified.as_mut().enable();
            let active = self.active();
            if !active.is_empty() {
                return Ok(active);
            }
            notified.await;
        }
    }

    fn active(&self) -> Vec<Condition> {
        // Looking takes locks of readers: not under ours.
        self.conditions().into_iter().filter(Condition::trigger_value).collect()
    }
}

/// A wait without end is made of these.
const A_WHILE: Duration = Duration::from_secs(3600);

impl std::fmt::Debug for WaitSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaitSet").field("conditions", &self.conditions()).finish_non_exhaustive()
    }
}
