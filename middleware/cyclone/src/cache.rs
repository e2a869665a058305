//! A reader's history cache that keeps nothing: what arrives goes to the sink at once.
//!
//! Cyclone lets a reader bring its own cache. The bus keeps history, filters and ownership itself, the
//! same on every transport, and must see each change with its sequence number; Cyclone's own cache
//! merges state changes and does not tell the numbers.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cyclors::{DDSI_STATUSINFO_DISPOSE, DDSI_STATUSINFO_UNREGISTER, dds_return_t, ddsi_serdata};
use tidewire_idl::{InstanceState, KeyHash};
use tidewire_transport::dds::{DdsSample, Sink};

use crate::callback;
use crate::serdata::Serdata;
use crate::shared::Shared;
use crate::sys::{CacheOps, WriterInfo, guid_of};

/// Begins with the operations, as `struct dds_rhc` does.
#[repr(C)]
pub(crate) struct Cache {
    ops: *const CacheOps,
    sink: Arc<dyn Sink>,
    keyed: bool,
    shared: Arc<Shared>,
}

static OPS: CacheOps = CacheOps {
    store,
    unregister_wr,
    relinquish_ownership,
    free,
    peek: nothing,
    read: nothing,
    take: nothing,
    add_readcondition,
    remove_readcondition,
    associate,
};

impl Cache {
    /// Cyclone frees it with the reader.
    pub fn make(sink: Arc<dyn Sink>, keyed: bool, shared: Arc<Shared>) -> *mut cyclors::dds_rhc {
        Box::into_raw(Box::new(Self { ops: &OPS, sink, keyed, shared })).cast()
    }

    /// Frees one that no reader has taken.
    ///
    /// # Safety
    /// `cache` is of [`make`](Self::make), and this its last use.
    pub unsafe fn discard(cache: *mut cyclors::dds_rhc) {
        // SAFETY: as the caller says.
        unsafe { free(cache.cast()) }
    }

    fn deliver(&self, writer: &WriterInfo, serdata: &Serdata) {
        let status = serdata.status();
        let state = if status & DDSI_STATUSINFO_DISPOSE != 0 {
            InstanceState::Disposed
        } else if status & DDSI_STATUSINFO_UNREGISTER != 0 {
            InstanceState::Unregistered
        } else {
            InstanceState::Alive
        };
        let payload = serdata.payload();
        let key = match state {
            _ if !self.keyed => KeyHash::default(),
            _ if serdata.hash_only => serdata.key(),
            InstanceState::Alive => self.sink.key_of(&payload),
            _ if serdata.is_value() => self.sink.key_of(&payload),
            _ => self.sink.key_of_disposed(&payload),
        };
        let mut sample = DdsSample {
            writer: guid_of(&writer.guid),
            sequence: serdata.sequence,
            source_time: serdata.source_time(),
            key,
            state,
            payload,
        };
        // `dds_writedispose`: an instance's last value and its end, in one. The number is the value's.
        if state != InstanceState::Alive && serdata.is_value() {
            self.sink.deliver(DdsSample { state: InstanceState::Alive, ..sample.clone() });
            let payload = self.sink.key_payload(&sample.payload).unwrap_or_default();
            sample = DdsSample { sequence: 0, payload, ..sample };
        }
        self.sink.deliver(sample);
        self.sink.flush();
    }
}

unsafe extern "C" fn store(
    cache: *mut c_void,
    writer: *const WriterInfo,
    serdata: *mut ddsi_serdata,
    instance: *mut c_void,
) -> bool {
    // SAFETY: the cache is ours and the reader's type too, so the sample is; Cyclone holds all three
    // for the length of the call.
    let (cache, writer, serdata) =
        unsafe { (&*cache.cast::<Cache>(), &*writer, Serdata::of(serdata)) };
    // SAFETY: Cyclone holds the instance too, and those received are all one.
    unsafe { cache.shared.anchor.of_sample(instance) };
    let _inside = callback::enter();
    if catch_unwind(AssertUnwindSafe(|| cache.deliver(writer, serdata))).is_err() {
        cache.shared.fail("a reader panicked on a receive thread of Cyclone DDS");
    }
    true
}

/// Discovery tells that a writer has gone.
unsafe extern "C" fn unregister_wr(_cache: *mut c_void, _writer: *const WriterInfo) {}

unsafe extern "C" fn relinquish_ownership(_cache: *mut c_void, _writer: u64) {}

unsafe extern "C" fn free(cache: *mut c_void) {
    // The sink may hold the last of other endpoints.
    let _inside = callback::enter();
    // SAFETY: the last use of what `Cache::make` has made.
    drop(unsafe { Box::from_raw(cache.cast::<Cache>()) });
}

unsafe extern "C" fn nothing(
    _cache: *mut c_void,
    _samples: i32,
    _mask: u32,
    _instance: u64,
    _condition: *mut c_void,
    _collect: *mut c_void,
    _argument: *mut c_void,
) -> i32 {
    0
}

unsafe extern "C" fn add_readcondition(_cache: *mut c_void, _condition: *mut c_void) -> bool {
    true
}

unsafe extern "C" fn remove_readcondition(_cache: *mut c_void, _condition: *mut c_void) {}

unsafe extern "C" fn associate(_cache: *mut c_void, _reader: *mut c_void) -> dds_return_t {
    0
}
