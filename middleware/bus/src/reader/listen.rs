//! Listeners: called where samples arrive, instead of waking a thread that waits for them.
//!
//! ```
//! use std::sync::mpsc;
//! use std::time::Duration;
//! use tidewire_bus::Participant;
//! use tidewire_qos::Qos;
//! use tidewire_types::bench::Block64;
//!
//! let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
//! let reader = bus.reader::<Block64>("blocks", &Qos::reliable())?;
//! let (found, heard) = mpsc::channel();
//! reader.on_data(move |reader| {
//!     while let Ok(Some(sample)) = reader.take() {
//!         let _ = found.send(sample.data.data[0]);
//!     }
//! })?;
//! let writer = bus.writer::<Block64>("blocks", &Qos::reliable())?;
//! writer.wait_for_readers(1, Duration::from_secs(10))?;
//! writer.write(&Block64 { data: [7; 64] })?;
//! assert_eq!(heard.recv_timeout(Duration::from_secs(10))?, 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::Mutex;
use tidewire_idl::TypeSupport;

use super::core::ReaderCore;
use super::raw::RawReader;
use super::typed::Reader;
use crate::error::BusError;

type Call = Box<dyn FnMut() + Send>;

/// What is called when samples arrive, if anything is.
#[derive(Default)]
pub(super) struct Listener {
    /// Whether there is one: all that a reader without pays for.
    set: AtomicBool,
    /// Arrivals that no call has been made for yet.
    pending: AtomicU32,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    /// Away while it runs.
    call: Option<Call>,
    /// Tells whether another was set meanwhile.
    generation: u64,
}

impl Listener {
    pub(super) fn set(&self, call: Option<Call>) {
        let mut slot = self.slot.lock();
        slot.generation += 1;
        self.set.store(call.is_some(), Ordering::Release);
        let before = std::mem::replace(&mut slot.call, call);
        drop(slot);
        // What it has captured may be anything: not under the lock.
        drop(before);
    }

    /// Samples may have arrived: calls the listener, or leaves that to the thread that is inside it. False
    /// if there is none.
    #[inline]
    pub fn arrived(&self) -> bool {
        self.set.load(Ordering::Acquire) && self.run()
    }

    fn run(&self) -> bool {
        // One call at a time. What comes during one makes another follow, and nobody waits.
        if self.pending.fetch_add(1, Ordering::AcqRel) > 0 {
            return true;
        }
        loop {
            let seen = self.pending.load(Ordering::Acquire);
            self.call();
            if self.pending.compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return true;
            }
        }
    }

    fn call(&self) {
        let (call, generation) = {
            let mut slot = self.slot.lock();
            (slot.call.take(), slot.generation)
        };
        let Some(mut call) = call else { return };
        let ended = catch_unwind(AssertUnwindSafe(&mut call));
        let mut slot = self.slot.lock();
        if slot.generation != generation {
            // Another one was set, or none.
            drop(slot);
            drop(call);
        } else if ended.is_ok() {
            slot.call = Some(call);
        } else {
            self.set.store(false, Ordering::Release);
            tracing::error!("a listener has panicked: it is called no more");
        }
    }
}

impl ReaderCore {
    fn listen(
        self: &Arc<Self>,
        mut call: impl FnMut(Arc<Self>) + Send + 'static,
    ) -> Result<(), BusError> {
        if self.core.shm.is_some() {
            self.core.start_listening()?;
        }
        let weak = Arc::downgrade(self);
        self.incoming.listener.set(Some(Box::new(move || {
            if let Some(reader) = weak.upgrade() {
                call(reader);
            }
        })));
        self.set_called(true);
        // For what came before.
        self.notice();
        Ok(())
    }

    fn no_listener(&self) {
        self.set_called(false);
        self.incoming.listener.set(None);
    }

    fn set_called(&self, called: bool) {
        if let Some(dds) = &self.dds {
            dds.set_called(called);
        }
    }

    /// Samples may have come over shared memory.
    pub fn notice(&self) {
        self.incoming.listener.arrived();
    }
}

impl<T: TypeSupport> Reader<T> {
    /// Calls `listener` when samples may have arrived: `on_data_available` of a DataReaderListener (DDS
    /// 1.4, 2.2.2.5.7). It replaces the one before it, and is called once right away. It takes until
    /// nothing is left; a call may find nothing. Calls never overlap.
    ///
    /// Over DDS it runs on the thread that took the samples off the wire, so that no other need be woken;
    /// all readers of the participant share that thread. It must therefore be brief, and wait for nothing
    /// that other samples or acknowledgments must come for: a RELIABLE write in it that finds no room gives
    /// up only after `max_blocking_time`. For shared memory the participant has a thread that waits and
    /// calls.
    ///
    /// # Errors
    /// [`BusError::Io`] if that thread cannot be started.
    pub fn on_data(
        &self,
        mut listener: impl FnMut(&Self) + Send + 'static,
    ) -> Result<(), BusError> {
        self.core.listen(move |core| listener(&Self::of(core)))
    }

    /// Ends [`on_data`](Self::on_data). A call that runs on another thread may last longer.
    pub fn no_listener(&self) {
        self.core.no_listener();
    }
}

impl RawReader {
    /// As [`Reader::on_data`].
    ///
    /// # Errors
    /// The same.
    pub fn on_data(
        &self,
        mut listener: impl FnMut(&Self) + Send + 'static,
    ) -> Result<(), BusError> {
        self.core.listen(move |core| listener(&Self { core }))
    }

    /// As [`Reader::no_listener`].
    pub fn no_listener(&self) {
        self.core.no_listener();
    }
}
