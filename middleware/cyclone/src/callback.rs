//! Whether this thread is inside a call from Cyclone, where entities must not be deleted: deleting
//! waits until such calls have returned.

use std::cell::Cell;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Lasts as long as the call.
pub(crate) struct Inside(());

pub(crate) fn enter() -> Inside {
    DEPTH.set(DEPTH.get() + 1);
    Inside(())
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Whether this thread is.
pub(crate) fn is_inside() -> bool {
    DEPTH.get() > 0
}

/// Runs `delete` now, or on a thread of its own if this is a call from Cyclone.
pub(crate) fn outside(delete: impl FnOnce() + Send + 'static) {
    if !is_inside() {
        delete();
    } else {
        // Without a thread the entities stay until the process ends: all that is left to do.
        let _ = std::thread::Builder::new().name("tidewire-leave".into()).spawn(delete);
    }
}
