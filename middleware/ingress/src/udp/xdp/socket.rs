//! An AF_XDP socket for receiving, with its memory.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::packet;
use super::ring::{Mapping, Ring};
use crate::udp::Datagram;

/// Frames the kernel has to fill, and as many that may wait for us, rounded.
const FRAMES: u32 = 4096;
/// Frames looked at in one go.
const BATCH: u32 = 64;

/// One receive queue.
pub struct Socket {
    // In this order: the socket goes before its memory.
    fd: OwnedFd,
    received: Ring<libc::xdp_desc>,
    to_fill: Ring<u64>,
    memory: Mapping,
    /// A frame's size less one: what of an address tells where in its frame it is.
    within_frame: u64,
    damaged: u64,
}

fn set<T>(fd: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    let size = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel reads `size` bytes at `value`, which is a plain C struct or number.
    let result = unsafe {
        libc::setsockopt(fd.as_raw_fd(), libc::SOL_XDP, option, (&raw const *value).cast(), size)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn get<T>(fd: &OwnedFd, option: libc::c_int) -> io::Result<T> {
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    let mut size = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` has `size` bytes, and the kernel writes at most as many.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_XDP,
            option,
            value.as_mut_ptr().cast(),
            &mut size,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: only called for C structs of integers, for which any bytes are a value, zeros included.
    Ok(unsafe { value.assume_init() })
}

impl Socket {
    /// Makes a socket with frames of `frame_size` bytes (2048 or 4096) and binds it to a queue.
    /// `flags` are those of `sockaddr_xdp`.
    pub fn bind(interface: u32, queue: u32, frame_size: u32, flags: u16) -> io::Result<Self> {
        // SAFETY: no pointers; the descriptor is checked below.
        let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call that succeeded made this descriptor for us; nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let memory = Mapping::anonymous(FRAMES as usize * frame_size as usize)?;
        let region = libc::xdp_umem_reg {
            addr: memory.address(),
            len: memory.length() as u64,
            chunk_size: frame_size,
            headroom: 0,
            flags: 0,
            tx_metadata_len: 0,
        };
        set(&fd, libc::XDP_UMEM_REG, &region)?;
        set(&fd, libc::XDP_UMEM_FILL_RING, &FRAMES)?;
        // Nothing is sent, but the kernel wants the ring of what was.
        set(&fd, libc::XDP_UMEM_COMPLETION_RING, &64_u32)?;
        set(&fd, libc::XDP_RX_RING, &FRAMES)?;
        let offsets: libc::xdp_mmap_offsets = get(&fd, libc::XDP_MMAP_OFFSETS)?;
        let received = Ring::map(&fd, FRAMES, libc::XDP_PGOFF_RX_RING as u64, &offsets.rx)?;
        let mut to_fill = Ring::map(&fd, FRAMES, libc::XDP_UMEM_PGOFF_FILL_RING, &offsets.fr)?;
        for i in 0..FRAMES {
            to_fill.set(i, u64::from(i) * u64::from(frame_size));
        }
        to_fill.submit(FRAMES);
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: flags,
            sxdp_ifindex: interface,
            sxdp_queue_id: queue,
            sxdp_shared_umem_fd: 0,
        };
        // SAFETY: the kernel reads the address, whose size is given.
        let result = unsafe {
            libc::bind(
                fd.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_xdp>() as libc::socklen_t,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        let within_frame = u64::from(frame_size) - 1;
        Ok(Self { fd, received, to_fill, memory, within_frame, damaged: 0 })
    }

    /// Whether the driver writes into our memory itself.
    pub fn is_zero_copy(&self) -> bool {
        let options = get::<libc::xdp_options>(&self.fd, libc::XDP_OPTIONS);
        options.is_ok_and(|options| options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0)
    }

    /// Calls `take` for what has come; gives the number of frames.
    pub fn receive(&mut self, take: &mut dyn FnMut(Datagram<'_>)) -> usize {
        let count = self.received.available(BATCH);
        if count == 0 {
            return 0;
        }
        for ahead in 0..count {
            let frame = self.received.peek(ahead);
            // SAFETY: the kernel has handed this frame to us and does not write to it before we put
            // it onto the fill ring, below.
            let bytes = unsafe { self.memory.bytes(frame.addr, frame.len) };
            match bytes.and_then(packet::datagram) {
                Some(datagram) => take(datagram),
                None => self.damaged += 1,
            }
        }
        // There are as many places as frames, so that each one has its place.
        let room = self.to_fill.free(count);
        for ahead in 0..room {
            let start = self.received.peek(ahead).addr & !self.within_frame;
            self.to_fill.set(ahead, start);
        }
        self.to_fill.submit(room);
        self.received.release(count);
        count as usize
    }

    /// Frames dropped because we were too slow.
    pub fn dropped(&self) -> u64 {
        let counts = get::<libc::xdp_statistics>(&self.fd, libc::XDP_STATISTICS);
        counts.map_or(0, |counts| counts.rx_dropped + counts.rx_ring_full)
    }

    /// Frames with wrong lengths or checksums.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
