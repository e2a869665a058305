//! How much memory an input may cost: an allocator that counts, and refuses what no input justifies.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What a target may hold on top of a multiple of its input.
const BASE: usize = 64 << 20;
/// Bytes an input byte may cost: values are wider in memory than on the wire.
pub const FACTOR: usize = 4096;
/// Nothing here has a reason to ask for more at once; the process then ends with its size.
const MOST: usize = 1 << 30;

thread_local! {
    /// What this thread holds, and the most it held. What one thread takes and another gives back
    /// moves both, which is why a target's own work stays on one thread.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Meter;

#[global_allocator]
static METER: Meter = Meter;

fn change(bytes: isize) {
    let held = HELD.get() + bytes;
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

// SAFETY: hands everything on to the system's allocator, or refuses, as an allocator may.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > MOST {
            return std::ptr::null_mut();
        }
        change(layout.size() as isize);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() > MOST {
            return std::ptr::null_mut();
        }
        change(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > MOST {
            return std::ptr::null_mut();
        }
        change(size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        change(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs `work` and says how much it held at once.
pub fn peak<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let result = work();
    (result, (PEAK.get() - before).max(0) as usize)
}

/// Runs `work` on an input of `size` bytes.
///
/// # Panics
/// It held more memory at once than such an input justifies.
pub fn bounded<R>(size: usize, work: impl FnOnce() -> R) -> R {
    let (result, peak) = peak(work);
    let allowed = BASE + FACTOR * size;
    assert!(peak <= allowed, "an input of {size} bytes cost {peak} bytes, {allowed} are allowed");
    result
}
