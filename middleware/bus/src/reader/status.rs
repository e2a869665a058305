//! The statuses of readers (DDS 1.4, 2.2.4.1).

use tidewire_idl::Guid;

use super::core::ReaderCore;
use crate::deadline::DeadlineMissed;
use crate::liveliness::LivelinessChanged;
use crate::status::{IncompatibleQos, Matched, SampleLost, SampleRejected, StatusMask};

impl ReaderCore {
    pub fn subscription_matched(&self) -> Matched {
        self.look();
        self.statuses.read_matched()
    }

    pub fn matched_publications(&self) -> Vec<Guid> {
        self.look();
        self.statuses.peers()
    }

    pub fn requested_incompatible_qos(&self) -> IncompatibleQos {
        self.look();
        self.statuses.read_incompatible()
    }

    pub fn sample_lost(&self) -> SampleLost {
        self.statuses.read_lost(self.lost())
    }

    pub fn sample_rejected(&self) -> SampleRejected {
        self.cache.get().map_or_else(Default::default, |cache| cache.read_rejected(self))
    }

    pub fn requested_deadline_missed(&self) -> DeadlineMissed {
        self.statuses.read_missed(self.deadline_missed())
    }

    pub fn liveliness_changed(&self) -> LivelinessChanged {
        self.statuses.read_liveliness(self.liveliness())
    }

    /// What has changed since it was last read, of what may be in `mask`.
    pub fn status_changes(&self, mask: StatusMask) -> StatusMask {
        let mut changes = StatusMask::NONE;
        let of_matching = StatusMask::SUBSCRIPTION_MATCHED | StatusMask::REQUESTED_INCOMPATIBLE_QOS;
        if !(mask & of_matching).is_empty() {
            self.look();
            let (matched, incompatible) = self.statuses.is_new();
            changes |= StatusMask::SUBSCRIPTION_MATCHED.when(matched);
            changes |= StatusMask::REQUESTED_INCOMPATIBLE_QOS.when(incompatible);
        }
        if mask.contains(StatusMask::SAMPLE_LOST) {
            changes |= StatusMask::SAMPLE_LOST.when(self.statuses.is_lost_new(self.lost()));
        }
        if mask.contains(StatusMask::REQUESTED_DEADLINE_MISSED) && self.timed {
            let missed = self.statuses.is_missed_new(self.deadline_missed().total);
            changes |= StatusMask::REQUESTED_DEADLINE_MISSED.when(missed);
        }
        if mask.contains(StatusMask::SAMPLE_REJECTED)
            && let Some(cache) = self.cache.get()
        {
            changes |= StatusMask::SAMPLE_REJECTED.when(cache.is_rejected_new(self));
        }
        if mask.contains(StatusMask::LIVELINESS_CHANGED) {
            let news = self.statuses.is_liveliness_new(self.liveliness().changes);
            changes |= StatusMask::LIVELINESS_CHANGED.when(news);
        }
        if mask.contains(StatusMask::DATA_AVAILABLE) {
            changes |= StatusMask::DATA_AVAILABLE.when(self.has_data());
        }
        changes & mask
    }

    /// Whether a cached reader has got something since it was last read; of others, whether something
    /// waits, though the policies may keep it back.
    fn has_data(&self) -> bool {
        match self.cache.get() {
            Some(cache) => cache.is_news(self),
            None => self.waits(),
        }
    }
}

/// The statuses that all readers tell.
macro_rules! reader_statuses {
    ($($head:tt)*) => {
        $($head)* {
            /// SUBSCRIPTION_MATCHED: how many writers were and are matched, on this host and elsewhere.
            /// Reading resets what is new in it.
            pub fn subscription_matched(&self) -> crate::Matched {
                self.core.subscription_matched()
            }

            /// The writers matched now.
            pub fn matched_publications(&self) -> Vec<Guid> {
                self.core.matched_publications()
            }

            /// REQUESTED_INCOMPATIBLE_QOS: writers that do not offer what this reader requests. Reading
            /// resets what is new in it. `tidewire why` and [`Event::Incompatible`](crate::Event) tell
            /// more.
            pub fn requested_incompatible_qos(&self) -> crate::IncompatibleQos {
                self.core.requested_incompatible_qos()
            }

            /// SAMPLE_LOST: as [`lost`](Self::lost), and what of it is new. Reading resets that.
            pub fn sample_lost(&self) -> crate::SampleLost {
                self.core.sample_lost()
            }

            /// SAMPLE_REJECTED: samples that RESOURCE_LIMITS left no room for. None unless the reader
            /// is a cached one: others hold their writers back instead. Reading resets what is new in
            /// it.
            pub fn sample_rejected(&self) -> crate::SampleRejected {
                self.core.sample_rejected()
            }

            /// REQUESTED_DEADLINE_MISSED: deadlines that passed without a sample. Reading resets what
            /// is new in it. [`Participant::wait`](crate::Participant::wait) ends when there are new
            /// ones.
            pub fn requested_deadline_missed(&self) -> crate::DeadlineMissed {
                self.core.requested_deadline_missed()
            }

            /// LIVELINESS_CHANGED: writers that are alive, and those that have fallen silent. If the
            /// reader requests a lease, [`Participant::wait`](crate::Participant::wait) ends when there
            /// is news; if not, short silence between two calls of this may go unseen. Reading resets
            /// what is new in it.
            pub fn liveliness_changed(&self) -> crate::LivelinessChanged {
                self.core.liveliness_changed()
            }

            /// The statuses that have changed since they were last read.
            pub fn status_changes(&self) -> crate::StatusMask {
                self.core.status_changes(crate::StatusMask::ALL)
            }

            /// A condition that is true while one of `mask` has changed and was not read since: for a
            /// [`WaitSet`](crate::WaitSet).
            pub fn status_condition(&self, mask: crate::StatusMask) -> crate::StatusCondition {
                crate::StatusCondition::of_reader(&self.core, mask)
            }

            /// The statuses of `mask` as they change, without end; giving one reads it. Data that is
            /// available is told by the streams of samples, not here.
            ///
            /// # Errors
            /// [`BusError::Thread`](crate::BusError) if a thread that notices them cannot be started.
            pub fn status_stream(
                &self,
                mask: crate::StatusMask,
            ) -> Result<
                impl futures_core::Stream<Item = crate::ReaderStatus> + Unpin,
                crate::BusError,
            > {
                self.core.status_stream(mask)
            }
        }
    };
}
pub(super) use reader_statuses;
