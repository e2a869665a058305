//! Filling a plain sample where its readers will find it.

use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use parking_lot::MutexGuard;
use tidewire_idl::typed::{plain_boxed, plain_bytes, plain_mut, plain_ref};
use tidewire_idl::{InstanceState, KeyHash, PlainCdr};
use tidewire_shm::ShmBuffer;

use super::core::{State, WriterCore};
use crate::error::WriteError;
use crate::time::now_ns;

/// Encapsulation header of a plain sample: XCDR1, little endian, no options.
const HEADER: [u8; 4] = [0, 1, 0, 0];

/// A sample to be filled in place; see [`Writer::loan`](crate::Writer::loan). Its content is arbitrary until it is filled.
/// No other write on this writer goes on while it lives.
///
/// ```
/// use tidewire_bus::Participant;
/// use tidewire_qos::Qos;
/// use tidewire_types::bench::Block64;
///
/// let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
/// let reader = bus.reader::<Block64>("block", &Qos::reliable())?;
/// let writer = bus.writer::<Block64>("block", &Qos::reliable())?;
/// writer.wait_for_readers(1, std::time::Duration::from_secs(10))?;
/// let mut loan = writer.loan()?;
/// loan.data.fill(7);
/// loan.send()?;
/// assert_eq!(reader.take()?.expect("just sent").data.data, [7; 64]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Loan<'writer, T: PlainCdr> {
    writer: &'writer WriterCore,
    state: MutexGuard<'writer, State>,
    place: Place<T>,
}

#[expect(clippy::large_enum_variant, reason = "boxing it would allocate on every loan")]
enum Place<T> {
    Shared(ShmBuffer),
    Heap(Box<T>),
}

impl<'writer, T: PlainCdr> Loan<'writer, T> {
    pub(super) fn new(core: &'writer WriterCore) -> Result<Self, WriteError> {
        let mut state = core.state.lock();
        core.serve(&mut state);
        let place = match &mut state.shm {
            Some(shm) if core.plain() => {
                let reserved = shm.reserve(HEADER.len() + size_of::<T>());
                let buffer = reserved.map_err(|e| WriteError::shm(&core.spec.topic, e))?;
                if plain_ref::<T>(&buffer[HEADER.len()..]).is_some() {
                    Place::Shared(buffer)
                } else {
                    Place::Heap(plain_boxed())
                }
            }
            _ => Place::Heap(plain_boxed()),
        };
        Ok(Self { writer: core, state, place })
    }

    /// Sends it as of now.
    ///
    /// # Errors
    /// As for [`Writer::write`](crate::Writer::write).
    pub fn send(self) -> Result<(), WriteError> {
        self.send_at(now_ns())
    }

    /// Sends it as written at `source_time`, ns since the Unix epoch.
    pub fn send_at(self, source_time: i64) -> Result<(), WriteError> {
        let Self { writer, mut state, place } = self;
        let mut buffer = match place {
            Place::Shared(buffer) => buffer,
            Place::Heap(value) => return Self::send_encoded(writer, state, &value, source_time),
        };
        buffer[..HEADER.len()].copy_from_slice(&HEADER);
        let key = if T::KEYED {
            plain_ref::<T>(&buffer[HEADER.len()..]).map_or(KeyHash::default(), T::key_hash)
        } else {
            KeyHash::default()
        };
        let meta = writer.next(&mut state, InstanceState::Alive, key, source_time);
        // Whoever needs the bytes apart from shared memory gets a copy before they are gone.
        let copy = (writer.needs_wire() || WriterCore::keeps_history(&state))
            .then(|| Bytes::copy_from_slice(&buffer));
        let shared = match &mut state.shm {
            Some(shm) => shm
                .commit(&meta, buffer)
                .map(drop)
                .map_err(|error| WriteError::shm(&writer.spec.topic, error)),
            None => Ok(()),
        };
        let mut wired = Ok(());
        if let Some(copy) = copy {
            wired = writer.send_wire(&meta, || copy.clone());
            writer.keep(&mut state, meta, copy);
        }
        shared?;
        wired?;
        writer.count();
        Ok(())
    }

    /// Big-endian hosts and XCDR2: no body in memory is the one on the wire.
    fn send_encoded(
        writer: &WriterCore,
        mut state: MutexGuard<'_, State>,
        value: &T,
        source_time: i64,
    ) -> Result<(), WriteError> {
        let mut payload = Vec::with_capacity(HEADER.len() + size_of::<T>());
        if writer.plain() {
            payload.extend_from_slice(&HEADER);
            payload.extend_from_slice(plain_bytes(value));
        } else {
            value.encode(writer.encoding(), &mut payload);
        }
        let key = if T::KEYED { value.key_hash() } else { KeyHash::default() };
        writer.send(&mut state, InstanceState::Alive, key, source_time, &payload)
    }
}

impl<T: PlainCdr> Deref for Loan<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.place {
            Place::Shared(buffer) => {
                plain_ref(&buffer[HEADER.len()..]).expect("length and alignment checked in new")
            }
            Place::Heap(value) => value,
        }
    }
}

impl<T: PlainCdr> DerefMut for Loan<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.place {
            Place::Shared(buffer) => {
                plain_mut(&mut buffer[HEADER.len()..]).expect("length and alignment checked in new")
            }
            Place::Heap(value) => value,
        }
    }
}
