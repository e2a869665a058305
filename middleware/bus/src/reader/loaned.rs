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

use tidewire_idl::typed::plain_ref;
use tidewire_idl::{InstanceState, PlainCdr, SampleInfo};

use super::core::Payload;
use super::typed::Reader;
use crate::error::ReadError;

/// CDR_LE without options: the body is the value's memory (RTPS 2.5, 10.2).
const CDR_LE: [u8; 2] = [0, 1];
const HEADER: usize = 4;

/// A sample on loan: it lies in the writer's shared memory until this is dropped. A reader holds at
/// most 128 samples of a writer at a time.
pub struct LoanedSample<T> {
    /// Who wrote it, when, which instance.
    pub info: SampleInfo,
    place: Place<T>,
}

enum Place<T> {
    /// Length, alignment and encapsulation were checked.
    There(Payload),
    /// It came another way, or in another byte order.
    Decoded(Box<T>),
}

impl<T: PlainCdr> Reader<T> {
    /// The next sample, if one is there, without a copy where shared memory carries it. Ends of
    /// instances are passed over.
    ///
    /// # Errors
    /// [`ReadError::Decode`] for a payload that is none of `T`; the next call goes on after it.
    pub fn take_loaned(&self) -> Result<Option<LoanedSample<T>>, ReadError> {
        while let Some((info, payload)) = self.core.take()? {
            if info.state != InstanceState::Alive {
                continue;
            }
            let place = if in_place::<T>(&payload).is_some() {
                Place::There(payload)
            } else {
                Place::Decoded(Box::new(self.decode(&info, &payload)?))
            };
            return Ok(Some(LoanedSample { info, place }));
        }
        Ok(None)
    }
}

fn in_place<T: PlainCdr>(payload: &[u8]) -> Option<&T> {
    if cfg!(target_endian = "big") || !payload.starts_with(&CDR_LE) {
        return None;
    }
    plain_ref(payload.get(HEADER..HEADER + size_of::<T>())?)
}

impl<T: PlainCdr> Deref for LoanedSample<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.place {
            Place::There(payload) => in_place(payload).expect("checked when it was taken"),
            Place::Decoded(value) => value,
        }
    }
}

impl<T: PlainCdr + fmt::Debug> fmt::Debug for LoanedSample<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoanedSample").field("info", &self.info).field("data", &**self).finish()
    }
}
