//! Samples and statuses as streams, for async code.

use bytes::Bytes;
use futures_core::Stream;
use tidewire_idl::{Sample, TypeSupport};

use super::cache::{CachedSample, States};
use super::cached::{CachedReader, RawCachedReader};
use super::core::ReaderCore;
use super::raw::RawReader;
use super::typed::{Reader, TypedSample};
use crate::deadline::DeadlineMissed;
use crate::error::{BusError, ReadError};
use crate::liveliness::LivelinessChanged;
use crate::status::{IncompatibleQos, Matched, SampleLost, SampleRejected, StatusMask};
use crate::stream::Polled;

/// A status of a reader that has changed, as `status_stream` gives it.
///
/// ```
/// use std::{future::poll_fn, pin::Pin, time::Duration};
/// use futures_core::Stream;
/// use tidewire_bus::{Participant, ReaderStatus, StatusMask};
/// use tidewire_qos::Qos;
/// use tidewire_types::bench::Block64;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
/// let reader = bus.reader::<Block64>("blocks", &Qos::reliable())?;
/// let mut statuses = reader.status_stream(StatusMask::SUBSCRIPTION_MATCHED)?;
/// let writer = bus.writer::<Block64>("blocks", &Qos::reliable())?;
/// // `StreamExt::next` of the crate `futures`, by hand.
/// let status = poll_fn(|cx| Pin::new(&mut statuses).poll_next(cx)).await.expect("it has no end");
/// assert!(matches!(status, ReaderStatus::SubscriptionMatched(matched) if matched.current == 1));
///
/// writer.wait_for_readers(1, Duration::from_secs(10))?;
/// writer.write(&Block64 { data: [7; 64] })?;
/// let mut samples = reader.stream()?;
/// let sample = poll_fn(|cx| Pin::new(&mut samples).poll_next(cx)).await.expect("it has no end")?;
/// assert_eq!(sample.data.data, [7; 64]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReaderStatus {
    /// SUBSCRIPTION_MATCHED.
    SubscriptionMatched(Matched),
    /// REQUESTED_INCOMPATIBLE_QOS.
    RequestedIncompatibleQos(IncompatibleQos),
    /// SAMPLE_LOST.
    SampleLost(SampleLost),
    /// SAMPLE_REJECTED.
    SampleRejected(SampleRejected),
    /// REQUESTED_DEADLINE_MISSED.
    RequestedDeadlineMissed(DeadlineMissed),
    /// LIVELINESS_CHANGED.
    LivelinessChanged(LivelinessChanged),
}

impl ReaderCore {
    /// Reads one of `mask` that has changed.
    fn next_status(&self, mask: StatusMask) -> Option<ReaderStatus> {
        let changes = self.status_changes(mask);
        let is = |status| changes.contains(status);
        Some(if is(StatusMask::SUBSCRIPTION_MATCHED) {
            ReaderStatus::SubscriptionMatched(self.subscription_matched())
        } else if is(StatusMask::REQUESTED_INCOMPATIBLE_QOS) {
            ReaderStatus::RequestedIncompatibleQos(self.requested_incompatible_qos())
        } else if is(StatusMask::SAMPLE_LOST) {
            ReaderStatus::SampleLost(self.sample_lost())
        } else if is(StatusMask::SAMPLE_REJECTED) {
            ReaderStatus::SampleRejected(self.sample_rejected())
        } else if is(StatusMask::REQUESTED_DEADLINE_MISSED) {
            ReaderStatus::RequestedDeadlineMissed(self.requested_deadline_missed())
        } else if is(StatusMask::LIVELINESS_CHANGED) {
            ReaderStatus::LivelinessChanged(self.liveliness_changed())
        } else {
            return None;
        })
    }

    pub(super) fn status_stream(
        &self,
        mask: StatusMask,
    ) -> Result<impl Stream<Item = ReaderStatus> + Unpin + use<'_>, BusError> {
        self.core.start_watch()?;
        Ok(Polled::new(self.core.notify()?, move || self.next_status(mask)))
    }
}

impl<T: TypeSupport> Reader<T> {
    /// The samples as they come, without end. Ends of instances are passed over.
    ///
    /// # Errors
    /// [`BusError::Thread`] if the thread that wakes async code cannot be started. An item is an error
    /// as those of [`take`](Self::take) are; the next goes on.
    pub fn stream(
        &self,
    ) -> Result<impl Stream<Item = Result<TypedSample<T>, ReadError>> + Unpin + use<'_, T>, BusError>
    {
        Ok(Polled::new(self.core.core.notify()?, || self.take().transpose()))
    }
}

impl RawReader {
    /// The samples and ends of instances as they come, without end.
    ///
    /// # Errors
    /// [`BusError::Thread`] if the thread that wakes async code cannot be started. An item is an error
    /// as those of [`take`](Self::take) are; the next goes on.
    pub fn stream(
        &self,
    ) -> Result<impl Stream<Item = Result<Sample, ReadError>> + Unpin + use<'_>, BusError> {
        Ok(Polled::new(self.core.core.notify()?, || self.take().transpose()))
    }
}

impl<T: TypeSupport> CachedReader<T> {
    /// Takes samples in these states as they come, without end.
    ///
    /// # Errors
    /// [`BusError::Thread`] if the thread that wakes async code cannot be started. An item is an error
    /// as those of [`take`](Self::take) are; the next goes on.
    pub fn stream(
        &self,
        states: States,
    ) -> Result<impl Stream<Item = Result<CachedSample<T>, ReadError>> + Unpin + use<'_, T>, BusError>
    {
        let next = move || self.take(1, states).map(|mut taken| taken.pop()).transpose();
        Ok(Polled::new(self.core.core.notify()?, next))
    }
}

impl RawCachedReader {
    /// Takes samples in these states as they come, without end.
    ///
    /// # Errors
    /// [`BusError::Thread`] if the thread that wakes async code cannot be started. An item is an error
    /// as those of [`take`](Self::take) are; the next goes on.
    pub fn stream(
        &self,
        states: States,
    ) -> Result<
        impl Stream<Item = Result<CachedSample<Bytes>, ReadError>> + Unpin + use<'_>,
        BusError,
    > {
        let next = move || self.take(1, states).map(|mut taken| taken.pop()).transpose();
        Ok(Polled::new(self.core.core.notify()?, next))
    }
}
