//! The instance that stands for all where Cyclone need not tell them apart.
//!
//! Cyclone looks the instance of each sample up in a map of the domain, from which an instance goes with its
//! last user: made and freed for each sample where nobody keeps samples, and its freeing waits for a thread of
//! its own. What we receive, and what writers without history or deadlines write, is one instance; the first
//! of them all holds it until the domain goes, and frees it then.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};

use cyclors::{dds_entity_t, dds_instance_handle_t};

use crate::sys;

/// Whether the domain holds its instance.
#[derive(Default)]
pub(crate) struct Anchor(AtomicBool);

impl Anchor {
    fn is_new(&self) -> bool {
        !self.0.load(Ordering::Relaxed) && !self.0.swap(true, Ordering::Relaxed)
    }

    /// A writer has been made.
    pub fn of_writer(&self, writer: dds_entity_t) {
        if self.is_new() {
            let mut handle: dds_instance_handle_t = 0;
            let key = 0u8;
            // SAFETY: `handle` is writable, and of the key our operations look at nothing. Registering is
            // local (DDS 1.4, 2.2.2.4.2.5). Without it samples are slower, no more.
            unsafe {
                cyclors::dds_register_instance(writer, &mut handle, (&raw const key).cast());
            }
        }
    }

    /// A sample of `instance` was received.
    ///
    /// # Safety
    /// `instance` is a `ddsi_tkmap_instance` that Cyclone holds for the length of the call.
    pub unsafe fn of_sample(&self, instance: *mut c_void) {
        if self.is_new() {
            // SAFETY: as the caller says.
            unsafe { sys::ddsi_tkmap_instance_ref(instance) }
        }
    }
}
