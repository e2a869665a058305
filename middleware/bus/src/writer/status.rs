//! The statuses of writers (DDS 1.4, 2.2.4.1).

use futures_core::Stream;
use tidewire_idl::Guid;

use super::core::WriterCore;
use crate::deadline::{DeadlineMissed, Deadlines};
use crate::error::BusError;
use crate::liveliness::LivelinessLost;
use crate::status::{IncompatibleQos, Matched, StatusMask};
use crate::stream::Polled;

impl WriterCore {
    /// Brings the matching statuses up to date, and wakes whoever waits if they have changed.
    pub fn look(&self) {
        if self.statuses.look(&self.core, &self.spec, true, || self.matched_over_dds()) {
            self.core.wake.wake();
        }
    }

    /// Whether samples have a deadline.
    pub fn is_timed(&self) -> bool {
        !self.spec.qos.deadline.is_infinite()
    }

    /// Deadlines that passed without a write.
    pub fn deadline_missed(&self) -> DeadlineMissed {
        self.state.lock().deadlines.as_ref().map_or_else(Default::default, Deadlines::missed)
    }

    /// Looks after statuses and deadlines; says whether whoever waits is to be woken.
    pub fn watch(&self, now: i64) -> bool {
        self.look();
        self.is_timed() && self.watch_deadlines(now)
    }

    fn watch_deadlines(&self, now: i64) -> bool {
        // A write that waits for a reader renews what it is about when it is done.
        let Some(mut state) = self.state.try_lock() else { return false };
        state.deadlines.as_mut().is_some_and(|deadlines| deadlines.check(now))
    }

    pub fn publication_matched(&self) -> Matched {
        self.look();
        self.statuses.read_matched()
    }

    pub fn matched_subscriptions(&self) -> Vec<Guid> {
        self.look();
        self.statuses.peers()
    }

    pub fn offered_incompatible_qos(&self) -> IncompatibleQos {
        self.look();
        self.statuses.read_incompatible()
    }

    pub fn offered_deadline_missed(&self) -> DeadlineMissed {
        self.statuses.read_missed(self.deadline_missed())
    }

    pub fn liveliness_lost(&self) -> LivelinessLost {
        self.statuses.read_fallen_silent(self.silences())
    }

    /// What has changed since it was last read, of what may be in `mask`.
    pub fn status_changes(&self, mask: StatusMask) -> StatusMask {
        let mut changes = StatusMask::NONE;
        let of_matching = StatusMask::PUBLICATION_MATCHED | StatusMask::OFFERED_INCOMPATIBLE_QOS;
        if !(mask & of_matching).is_empty() {
            self.look();
            let (matched, incompatible) = self.statuses.is_new();
            changes |= StatusMask::PUBLICATION_MATCHED.when(matched);
            changes |= StatusMask::OFFERED_INCOMPATIBLE_QOS.when(incompatible);
        }
        if mask.contains(StatusMask::OFFERED_DEADLINE_MISSED) && self.is_timed() {
            let missed = self.statuses.is_missed_new(self.deadline_missed().total);
            changes |= StatusMask::OFFERED_DEADLINE_MISSED.when(missed);
        }
        if mask.contains(StatusMask::LIVELINESS_LOST) {
            let news = self.statuses.is_silence_new(self.silences().total);
            changes |= StatusMask::LIVELINESS_LOST.when(news);
        }
        changes & mask
    }
}

/// A status of a writer that has changed, as `status_stream` gives it.
///
/// ```
/// use std::{future::poll_fn, pin::Pin};
/// use futures_core::Stream;
/// use tidewire_bus::{Participant, StatusMask, WriterStatus};
/// use tidewire_qos::Qos;
/// use tidewire_types::bench::Block64;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
/// let writer = bus.writer::<Block64>("blocks", &Qos::sensor_data())?;
/// let mut statuses = writer.status_stream(StatusMask::OFFERED_INCOMPATIBLE_QOS)?;
/// let _reader = bus.reader::<Block64>("blocks", &Qos::reliable())?;
/// let status = poll_fn(|cx| Pin::new(&mut statuses).poll_next(cx)).await.expect("it has no end");
/// let WriterStatus::OfferedIncompatibleQos(found) = status else { panic!("only that was asked for") };
/// assert_eq!(found.last_policy.unwrap().name(), "RELIABILITY");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriterStatus {
    /// PUBLICATION_MATCHED.
    PublicationMatched(Matched),
    /// OFFERED_INCOMPATIBLE_QOS.
    OfferedIncompatibleQos(IncompatibleQos),
    /// OFFERED_DEADLINE_MISSED.
    OfferedDeadlineMissed(DeadlineMissed),
    /// LIVELINESS_LOST.
    LivelinessLost(LivelinessLost),
}

impl WriterCore {
    /// Reads one of `mask` that has changed.
    fn next_status(&self, mask: StatusMask) -> Option<WriterStatus> {
        let changes = self.status_changes(mask);
        let is = |status| changes.contains(status);
        Some(if is(StatusMask::PUBLICATION_MATCHED) {
            WriterStatus::PublicationMatched(self.publication_matched())
        } else if is(StatusMask::OFFERED_INCOMPATIBLE_QOS) {
            WriterStatus::OfferedIncompatibleQos(self.offered_incompatible_qos())
        } else if is(StatusMask::OFFERED_DEADLINE_MISSED) {
            WriterStatus::OfferedDeadlineMissed(self.offered_deadline_missed())
        } else if is(StatusMask::LIVELINESS_LOST) {
            WriterStatus::LivelinessLost(self.liveliness_lost())
        } else {
            return None;
        })
    }

    pub fn status_stream(
        &self,
        mask: StatusMask,
    ) -> Result<impl Stream<Item = WriterStatus> + Unpin + use<'_>, BusError> {
        self.core.start_watch()?;
        Ok(Polled::new(self.core.notify()?, move || self.next_status(mask)))
    }
}

/// The statuses that typed and raw writers tell.
macro_rules! writer_statuses {
    ($($head:tt)*) => {
        $($head)* {
            /// PUBLICATION_MATCHED: how many readers were and are matched, on this host and elsewhere.
            /// Reading resets what is new in it.
            pub fn publication_matched(&self) -> crate::Matched {
                self.core.publication_matched()
            }

            /// The readers matched now.
            pub fn matched_subscriptions(&self) -> Vec<Guid> {
                self.core.matched_subscriptions()
            }

            /// OFFERED_INCOMPATIBLE_QOS: readers that request what this writer does not offer. Reading
            /// resets what is new in it. `tidewire why` and [`Event::Incompatible`](crate::Event) tell
            /// more.
            pub fn offered_incompatible_qos(&self) -> crate::IncompatibleQos {
                self.core.offered_incompatible_qos()
            }

            /// OFFERED_DEADLINE_MISSED: deadlines that passed without a write. Reading resets what is
            /// new in it.
            pub fn offered_deadline_missed(&self) -> crate::DeadlineMissed {
                self.core.offered_deadline_missed()
            }

            /// LIVELINESS_LOST: how often it was not asserted within its lease.
            /// [`Participant::wait`](crate::Participant::wait) ends when it happens. Reading resets
            /// what is new in it.
            pub fn liveliness_lost(&self) -> crate::LivelinessLost {
                self.core.liveliness_lost()
            }

            /// The statuses that have changed since they were last read.
            pub fn status_changes(&self) -> crate::StatusMask {
                self.core.status_changes(crate::StatusMask::ALL)
            }

            /// A condition that is true while one of `mask` has changed and was not read since: for a
            /// [`WaitSet`](crate::WaitSet).
            pub fn status_condition(&self, mask: crate::StatusMask) -> crate::StatusCondition {
                crate::StatusCondition::of_writer(&self.core, mask)
            }

            /// The statuses of `mask` as they change, without end; giving one reads it.
            ///
            /// # Errors
            /// [`BusError::Thread`](crate::BusError) if a thread that notices them cannot be started.
            pub fn status_stream(
                &self,
                mask: crate::StatusMask,
            ) -> Result<
                impl futures_core::Stream<Item = crate::WriterStatus> + Unpin,
                crate::BusError,
            > {
                self.core.status_stream(mask)
            }
        }
    };
}
pub(super) use writer_statuses;
