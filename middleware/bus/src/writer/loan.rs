//! Filling a plain sample where its readers will find it.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use parking_lot::MutexGuard;
use tidewire_idl::typed::{plain_boxed, plain_bytes, plain_mut};
use tidewire_idl::{InstanceState, KeyHash, PlainCdr};
use tidewire_transport::buffer::{self, LEAD};
use tidewire_transport::now_ns;

use super::core::{State, WriterCore};
use crate::error::WriteError;

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

enum Place<T> {
    /// In the bytes `state.shm` has reserved, after the encapsulation header.
    Reserved(NonNull<T>),
    /// In a payload of our own, whose buffer is not touched otherwise.
    Payload(NonNull<T>, Vec<u8>),
    Heap(Box<T>),
}

impl<'writer, T: PlainCdr> Loan<'writer, T> {
    #[inline]
    pub(super) fn new(core: &'writer WriterCore) -> Result<Self, WriteError> {
        let mut state = core.state.lock();
        core.serve(&mut state);
        let place = match &mut state.shm {
            _ if !core.plain() => Place::Heap(plain_boxed()),
            Some(shm) if !core.needs_wire() || shm.matched() > 0 => {
                shm.reserve(HEADER.len() + size_of::<T>())
                    .map_err(|e| WriteError::shm(&core.spec.topic, e))?;
                match in_payload(shm.reserved_mut()) {
                    Some(value) => Place::Reserved(value),
                    None => Place::Heap(plain_boxed()),
                }
            }
            _ => Place::payload(std::mem::take(&mut state.buffer)),
        };
        Ok(Self { writer: core, state, place })
    }

    /// Sends it as of now.
    ///
    /// # Errors
    /// As for [`Writer::write`](crate::Writer::write).
    #[inline]
    pub fn send(self) -> Result<(), WriteError> {
        self.send_at(now_ns())
    }

    /// Sends it as written at `source_time`, ns since the Unix epoch.
    #[inline]
    pub fn send_at(self, source_time: i64) -> Result<(), WriteError> {
        let Self { writer, mut state, place } = self;
        let value = match place {
            Place::Reserved(value) => value,
            Place::Payload(value, buffer) => {
                // SAFETY: as in `deref`; the buffer is as it was.
                let key = key_of(unsafe { value.as_ref() });
                return writer.send_buffer(&mut state, key, source_time, buffer, buffer::filled);
            }
            Place::Heap(value) => return Self::send_encoded(writer, state, &value, source_time),
        };
        // SAFETY: as in `deref`; the guard is in `state` still.
        let key = key_of(unsafe { value.as_ref() });
        let admitted = writer.admit(InstanceState::Alive, key)?;
        let meta = writer.next(&mut state, InstanceState::Alive, key, source_time);
        let keeps = writer.needs_wire() || WriterCore::keeps_history(&state);
        let Some(shm) = &mut state.shm else { return Ok(()) };
        // Whoever needs the bytes apart from shared memory gets a copy before they are gone.
        let copy = keeps.then(|| buffer::copied(shm.reserved()));
        let shared =
            shm.commit(&meta).map(drop).map_err(|e| WriteError::shm(&writer.spec.topic, e));
        let mut wired = Ok(());
        if let Some(copy) = copy {
            wired = writer.send_wire(&meta, || copy.clone());
            writer.keep(&mut state, meta, copy);
        }
        // For who came while it was filled.
        writer.serve(&mut state);
        let sent = shared.and(wired);
        writer.admitted(InstanceState::Alive, key, admitted, &sent);
        sent?;
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
        let mut payload = std::mem::take(&mut state.buffer);
        payload.clear();
        payload.resize(LEAD, 0);
        if writer.plain() {
            payload.extend_from_slice(&HEADER);
            payload.extend_from_slice(plain_bytes(value));
        } else {
            value.encode(writer.encoding(), &mut payload);
        }
        writer.send_buffer(&mut state, key_of(value), source_time, payload, buffer::with_room)
    }
}

impl<T: PlainCdr> Place<T> {
    /// In that buffer, or another if it is too small; in none where the allocator does not align.
    fn payload(mut buffer: Vec<u8>) -> Self {
        let length = HEADER.len() + size_of::<T>();
        if buffer.capacity() < LEAD + length {
            buffer = buffer::filled(length);
        }
        buffer.resize(LEAD + length, 0);
        match in_payload(&mut buffer[LEAD..]) {
            Some(value) => Self::Payload(value, buffer),
            None => Self::Heap(plain_boxed()),
        }
    }
}

/// The value in a payload whose header is written.
#[inline]
fn in_payload<T: PlainCdr>(payload: &mut [u8]) -> Option<NonNull<T>> {
    let (header, body) = payload.split_first_chunk_mut()?;
    let value = plain_mut::<T>(body)?;
    *header = HEADER;
    Some(value.into())
}

#[inline]
fn key_of<T: PlainCdr>(value: &T) -> KeyHash {
    if T::KEYED { value.key_hash() } else { KeyHash::default() }
}

impl<T: PlainCdr> Deref for Loan<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.place {
            // SAFETY: `in_payload` checked length and alignment, `T` takes any bytes, and the bytes stay
            // reserved for as long as `state` is locked, or lie in a buffer that nobody else touches.
            Place::Reserved(value) | Place::Payload(value, _) => unsafe { value.as_ref() },
            Place::Heap(value) => value,
        }
    }
}

impl<T: PlainCdr> DerefMut for Loan<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.place {
            // SAFETY: as in `deref`; `&mut self` is the only access.
            Place::Reserved(value) | Place::Payload(value, _) => unsafe { value.as_mut() },
            Place::Heap(value) => value,
        }
    }
}
