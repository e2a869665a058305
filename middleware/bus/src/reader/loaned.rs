//! Plain samples read where the writer put them.
//!
//! ```
//! use std::time::Duration;
//! use tidewire_bus::Participant;
//! use tidewire_qos::Qos;
//! use tidewire_types::bench::Block64K;
//!
//! let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
//! let reader = bus.reader::<Block64K>("blocks", &Qos::reliable())?;
//! let writer = bus.writer::<Block64K>("blocks", &Qos::reliable())?;
//! writer.wait_for_readers(1, Duration::from_secs(10))?;
//! let mut loan = writer.loan()?;
//! loan.data.fill(7);
//! loan.send()?;
//! bus.wait(Duration::from_secs(10));
//! let sample = reader.take_loaned()?.expect("just sent");
//! assert_eq!(sample.data[65_535], 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

use tidewire_idl::typed::plain_ref;
use tidewire_idl::{InstanceState, PlainCdr, SampleInfo};
use tidewire_transport::dds::HEADER;

use super::arrived::Arrived;
use super::core::ReaderCore;
use super::take::Shm;
use super::typed::Reader;
use crate::error::ReadError;

/// CDR_LE without options: the body is the value's memory (RTPS 2.5, 10.2).
const CDR_LE: [u8; 2] = [0, 1];

/// A sample on loan: it lies in the writer's shared memory until this is dropped, or where DDS put it
/// together. Of shared memory a reader holds at most 64 samples of a writer at a time.
pub struct LoanedSample<'reader, T> {
    value: NonNull<T>,
    hold: Hold<'reader, T>,
    reception_time: i64,
    reader: &'reader ReaderCore,
}

/// What `value` points into.
enum Hold<'reader, T> {
    Shm(Shm<'reader>),
    Wire(Box<Arrived>),
    /// A sample that came another way, or in another byte order. Not a `Box`, which may not be
    /// pointed into while it moves.
    Other(Arc<(SampleInfo, T)>),
}

// SAFETY: the value is only read, through memory that any thread may read and release.
unsafe impl<T: Send + Sync> Send for LoanedSample<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for LoanedSample<'_, T> {}

impl<T: PlainCdr> Reader<T> {
    /// The next sample, if one is there, without a copy where shared memory carries it. Ends of
    /// instances are passed over.
    ///
    /// # Errors
    /// [`ReadError::Decode`] for a payload that is none of `T`; the next call goes on after it.
    #[inline]
    pub fn take_loaned(&self) -> Result<Option<LoanedSample<'_, T>>, ReadError> {
        loop {
            let reader = &*self.core;
            let taken = reader
                .take_as(|sample, time, _| Ok((sample, time)), |arrived, _| Err(Box::new(arrived)));
            let other = match taken.map_err(|error| *error)? {
                None => return Ok(None),
                Some(Ok((sample, reception_time))) => {
                    let plain = sample.is_alive().then(|| body::<T>(&sample)).flatten();
                    if let Some(value) = plain.map(NonNull::from) {
                        let hold = Hold::Shm(sample);
                        return Ok(Some(LoanedSample { value, hold, reception_time, reader }));
                    }
                    self.apart(reader.info_of(&sample.meta(), reception_time), &sample)?
                }
                Some(Err(arrived)) => {
                    let reception_time = arrived.reception_time;
                    let alive = arrived.sample.state == InstanceState::Alive;
                    let plain = alive.then(|| body::<T>(&arrived.sample.payload)).flatten();
                    if let Some(value) = plain.map(NonNull::from) {
                        let hold = Hold::Wire(arrived);
                        return Ok(Some(LoanedSample { value, hold, reception_time, reader }));
                    }
                    let point = reader.core.point(&arrived.sample.writer.prefix());
                    self.apart(arrived.info(point), &arrived.sample.payload)?
                }
            };
            if let Some(sample) = other {
                return Ok(Some(sample));
            }
        }
    }

    #[cold]
    fn apart(
        &self,
        info: SampleInfo,
        payload: &[u8],
    ) -> Result<Option<LoanedSample<'_, T>>, ReadError> {
        if info.state != InstanceState::Alive {
            return Ok(None);
        }
        let value = self.decode(&info, payload)?;
        let reception_time = info.reception_time;
        let other = Arc::new((info, value));
        let value = NonNull::from(&other.1);
        let hold = Hold::Other(other);
        Ok(Some(LoanedSample { value, hold, reception_time, reader: &self.core }))
    }
}

/// The value where it lies; `None` if it must be decoded.
#[inline]
fn body<T: PlainCdr>(payload: &[u8]) -> Option<&T> {
    if cfg!(target_endian = "big") || !payload.starts_with(&CDR_LE) {
        return None;
    }
    plain_ref(payload.get(HEADER..HEADER + size_of::<T>())?)
}

impl<T> LoanedSample<'_, T> {
    /// Who wrote it, when, which instance.
    pub fn info(&self) -> SampleInfo {
        match &self.hold {
            Hold::Shm(sample) => self.reader.info_of(&sample.meta(), self.reception_time),
            Hold::Wire(arrived) => {
                arrived.info(self.reader.core.point(&arrived.sample.writer.prefix()))
            }
            Hold::Other(other) => other.0.clone(),
        }
    }
}

impl<T: PlainCdr> Deref for LoanedSample<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: made from a reference into what `hold` keeps; neither a sample on shared memory nor a
        // payload nor a counted value moves or changes while it is held.
        unsafe { self.value.as_ref() }
    }
}

impl<T: PlainCdr + fmt::Debug> fmt::Debug for LoanedSample<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoanedSample").field("info", &self.info()).field("data", &**self).finish()
    }
}
