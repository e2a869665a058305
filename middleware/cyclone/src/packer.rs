//! Packets of several samples, sent by the thread that fills them.
//!
//! Cyclone gives a writer with a LATENCY_BUDGET a packer whose packets are sent by one more thread of the
//! domain. Where processors are few, that thread is in the way of the one that writes: a third of the
//! throughput was lost. So such writers bring a packer of their own, as `dds_writecdr` and its like do inside.

use std::ffi::c_void;

use cyclors::{
    DDS_RETCODE_ALREADY_DELETED, dds_entity_kind_DDS_KIND_WRITER, dds_entity_t, dds_return_t,
    ddsi_serdata, ddsi_serdata_unref, ddsi_sertype,
};
use parking_lot::Mutex;

use crate::sys;

pub(crate) struct Packer {
    writer: dds_entity_t,
    /// `struct ddsi_domaingv` of the writer's domain.
    domain: *mut c_void,
    /// `struct ddsi_xpack`; null once closed. Whoever uses it holds the lock.
    pack: Mutex<*mut c_void>,
}

// SAFETY: the packer is used by one thread at a time, under its lock, and bound to none; the domain is
// only handed to functions that threads may share it between.
unsafe impl Send for Packer {}
// SAFETY: as above.
unsafe impl Sync for Packer {}

impl Packer {
    /// For `writer`, of the type `ty`.
    ///
    /// # Safety
    /// `ty` is of a topic entity; its domain lives until the packer is closed.
    pub unsafe fn new(writer: dds_entity_t, ty: *const ddsi_sertype) -> Self {
        // SAFETY: a type is bound to its domain when its topic is made.
        let (domain, pack) = unsafe {
            let domain = (*ty).gv.v as *mut c_void;
            (domain, sys::ddsi_xpack_new(domain, false))
        };
        Self { writer, domain, pack: Mutex::new(pack) }
    }

    /// As `dds_forwardcdr`, but the sample stays until the packet is full, or flushed.
    ///
    /// # Safety
    /// `serdata` is of the writer's type, and Cyclone's from now on, whatever the result.
    pub unsafe fn write(&self, serdata: *mut ddsi_serdata) -> dds_return_t {
        let pack = self.pack.lock();
        let mut writer = std::ptr::null_mut();
        // SAFETY: a writer that is gone gives an error, and what is locked stays until unlocked.
        unsafe {
            let locked = match pack.is_null() {
                true => DDS_RETCODE_ALREADY_DELETED,
                false => {
                    sys::dds_entity_lock(self.writer, dds_entity_kind_DDS_KIND_WRITER, &mut writer)
                }
            };
            if locked < 0 {
                ddsi_serdata_unref(serdata);
                return locked;
            }
            let result = sys::dds_writecdr_impl(writer, *pack, serdata, false);
            sys::dds_entity_unlock(writer);
            result
        }
    }

    /// Sends what is there.
    pub fn flush(&self) {
        self.send(*self.pack.lock());
    }

    /// The same; false if somebody is at it, who may have to wait for readers.
    pub fn try_flush(&self) -> bool {
        let pack = self.pack.try_lock();
        pack.map(|pack| self.send(*pack)).is_some()
    }

    /// With the lock held.
    fn send(&self, pack: *mut c_void) {
        if !pack.is_null() {
            // SAFETY: not closed, so the domain lives.
            self.awake(|| unsafe { sys::ddsi_xpack_send(pack, true) });
        }
    }

    /// Sends what is there, and ends.
    pub fn close(&self) {
        let pack = std::mem::replace(&mut *self.pack.lock(), std::ptr::null_mut());
        if !pack.is_null() {
            // SAFETY: the domain lives until now, and nobody finds the packer any more.
            self.awake(|| unsafe {
                sys::ddsi_xpack_send(pack, true);
                sys::ddsi_xpack_free(pack);
            });
        }
    }

    /// Runs `work` while Cyclone's garbage collector knows that this thread is inside.
    fn awake(&self, work: impl FnOnce()) {
        // SAFETY: every thread has a state, made when it is first asked for; the domain lives.
        unsafe {
            let thread = sys::ddsi_lookup_thread_state();
            sys::ddsi_thread_state_awake(thread, self.domain);
            work();
            sys::ddsi_thread_state_asleep(thread);
        }
    }
}

impl Drop for Packer {
    fn drop(&mut self) {
        self.close();
    }
}
