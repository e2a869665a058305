//! Memory shared with the kernel: the frames, and rings that say which of them are whose.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// A mapping of our own.
pub struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: it is memory of the process, not of a thread; what is behind it is reached only through
// `Umem` and `Ring`, which take care of who touches what.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Private memory, all zero.
    pub fn anonymous(length: usize) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
        // SAFETY: a fresh mapping at a place of the kernel's choice touches no other memory.
        Self::of(unsafe { mmap_anonymous(std::ptr::null_mut(), length, access, flags)? }, length)
    }

    /// A ring of an AF_XDP socket.
    fn shared(fd: BorrowedFd<'_>, length: usize, offset: u64) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: as above; the kernel checks length and offset against the ring.
        let start = unsafe { mmap(std::ptr::null_mut(), length, access, flags, fd, offset)? };
        Self::of(start, length)
    }

    fn of(start: *mut libc::c_void, length: usize) -> io::Result<Self> {
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mmap gave null"))?;
        Ok(Self { start, length })
    }

    pub fn address(&self) -> u64 {
        self.start.as_ptr().addr() as u64
    }

    pub fn length(&self) -> usize {
        self.length
    }

    /// Some bytes of it; `None` if they are not all inside.
    ///
    /// # Safety
    /// Nobody, the kernel included, writes to these bytes while the slice lives.
    pub unsafe fn bytes(&self, at: u64, length: u32) -> Option<&[u8]> {
        let at = usize::try_from(at).ok()?;
        let end = at.checked_add(length as usize)?;
        if end > self.length {
            return None;
        }
        // SAFETY: inside the mapping, which is initialised and lives as long as `self`; that nobody
        // writes is the caller's promise.
        Some(unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(at), length as usize) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone, and nothing borrowed from it outlives `self`.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// One of the rings of an AF_XDP socket (Documentation/networking/af_xdp.rst): single producer,
/// single consumer. `T` is what it holds: addresses or descriptors.
pub struct Ring<T> {
    memory: Mapping,
    producer: usize,
    consumer: usize,
    entries: usize,
    mask: u32,
    /// Where we are: the next one to fill or to take.
    ours: u32,
    _holds: std::marker::PhantomData<T>,
}

impl<T: Copy> Ring<T> {
    /// Maps the ring of `size` entries (a power of two) at `page_offset` of the socket.
    pub fn map(
        socket: impl AsFd,
        size: u32,
        page_offset: u64,
        offsets: &libc::xdp_ring_offset,
    ) -> io::Result<Self> {
        let entries = offsets.desc as usize;
        let length = entries + size as usize * size_of::<T>();
        let memory = Mapping::shared(socket.as_fd(), length, page_offset)?;
        let (producer, consumer) = (offsets.producer as usize, offsets.consumer as usize);
        let word = |at: usize| at.is_multiple_of(4) && at + 4 <= length;
        if !size.is_power_of_two()
            || !word(producer)
            || !word(consumer)
            || !entries.is_multiple_of(align_of::<T>())
        {
            return Err(io::Error::other("the kernel's ring layout makes no sense"));
        }
        let (mask, ours) = (size - 1, 0);
        Ok(Self {
            memory,
            producer,
            consumer,
            entries,
            mask,
            ours,
            _holds: std::marker::PhantomData,
        })
    }

    fn word(&self, at: usize) -> &AtomicU32 {
        // SAFETY: `map` has checked that an aligned word is there; the kernel and we access it
        // atomically only.
        unsafe { &*self.memory.start.as_ptr().add(at).cast::<AtomicU32>() }
    }

    fn entry(&self, number: u32) -> *mut T {
        let index = (number & self.mask) as usize;
        // SAFETY: the mapping has room for `mask + 1` entries behind `entries`.
        unsafe { self.memory.start.as_ptr().add(self.entries).cast::<T>().add(index) }
    }

    /// Entries the kernel has produced and we have not taken; at most `most`.
    pub fn available(&self, most: u32) -> u32 {
        self.word(self.producer).load(Ordering::Acquire).wrapping_sub(self.ours).min(most)
    }

    /// The one `ahead` of the next, which must be [`available`](Self::available).
    pub fn peek(&self, ahead: u32) -> T {
        // SAFETY: the kernel has produced this entry (Acquire in `available`) and leaves it alone
        // until `release`; every bit pattern of `T` (integers) is a value.
        unsafe { self.entry(self.ours.wrapping_add(ahead)).read() }
    }

    /// Gives `count` taken entries back.
    pub fn release(&mut self, count: u32) {
        self.ours = self.ours.wrapping_add(count);
        self.word(self.consumer).store(self.ours, Ordering::Release);
    }

    /// Room for entries of ours; at most `most`.
    pub fn free(&self, most: u32) -> u32 {
        let used = self.ours.wrapping_sub(self.word(self.consumer).load(Ordering::Acquire));
        (self.mask + 1).saturating_sub(used).min(most)
    }

    /// Sets the one `ahead` of the next, which must be [`free`](Self::free).
    pub fn set(&mut self, ahead: u32, value: T) {
        // SAFETY: the kernel has consumed this entry (Acquire in `free`) and does not look at it
        // before `submit`.
        unsafe { self.entry(self.ours.wrapping_add(ahead)).write(value) };
    }

    /// Hands `count` entries to the kernel.
    pub fn submit(&mut self, count: u32) {
        self.ours = self.ours.wrapping_add(count);
        self.word(self.producer).store(self.ours, Ordering::Release);
    }
}
