//! A sender that costs little: ready-made Ethernet frames, many a call.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use tidewire_ingress::testing::Pair;

/// Datagrams in one call.
pub const BURST: usize = 32;
const HEADERS: usize = 42;

/// Sends UDP datagrams from 10.9.0.2 to 10.9.0.1:7500 past the IP stack (AF_PACKET).
pub struct Sender {
    fd: OwnedFd,
    frames: Vec<Vec<u8>>,
}

impl Sender {
    /// For datagrams of `size` bytes on `link`, in the namespace of the calling thread.
    pub fn new(link: &str, size: usize) -> io::Result<Self> {
        // SAFETY: numbers only.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call that succeeded made this descriptor for us; nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let name = std::ffi::CString::new(link)?;
        // SAFETY: the name ends with a NUL and outlives the call.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        // SAFETY: numbers and bytes: zero is a value of each.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = index.cast_signed();
        // SAFETY: the address has the length given and outlives the call.
        let bound = unsafe {
            libc::bind(
                fd.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        let straight: libc::c_int = 1;
        // SAFETY: the option's value is the `c_int` pointed to, whose size is given.
        let set = unsafe {
            libc::setsockopt(
                fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_QDISC_BYPASS,
                (&raw const straight).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        if bound != 0 || set != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { fd, frames: vec![frame(size); BURST] })
    }

    /// From now on to a MAC address nobody has.
    pub fn address_nobody(&mut self) {
        for frame in &mut self.frames {
            frame[5] = 0xee;
        }
    }

    /// Sends [`BURST`] datagrams.
    pub fn burst(&mut self) -> io::Result<()> {
        let mut parts: Vec<libc::iovec> = self
            .frames
            .iter_mut()
            .map(|frame| libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() })
            .collect();
        let mut messages: Vec<libc::mmsghdr> = parts
            .iter_mut()
            .map(|part| {
                // SAFETY: numbers and pointers: zero is a value of each.
                let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
                message.msg_hdr.msg_iov = &raw mut *part;
                message.msg_hdr.msg_iovlen = 1;
                message
            })
            .collect();
        let mut sent = 0;
        while sent < messages.len() {
            let rest = &mut messages[sent..];
            // SAFETY: each message points to one part, which points to a whole frame; all of them
            // outlive the call.
            let count = unsafe {
                libc::sendmmsg(
                    self.fd.as_raw_fd(),
                    rest.as_mut_ptr(),
                    rest.len() as libc::c_uint,
                    0,
                )
            };
            match usize::try_from(count) {
                Ok(count) => sent += count,
                Err(_) => {
                    let error = io::Error::last_os_error();
                    // ENOBUFS: the far end's queue is full; nothing was sent.
                    if error.raw_os_error() != Some(libc::ENOBUFS) {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends one datagram that begins with `start`.
    pub fn one(&mut self, start: &[u8; 8]) -> io::Result<()> {
        let frame = &mut self.frames[0];
        frame[HEADERS..HEADERS + 8].copy_from_slice(start);
        // SAFETY: the frame has the length given and outlives the call.
        let sent =
            unsafe { libc::send(self.fd.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// A datagram of `size` bytes with all headers; the UDP checksum is left out, as IPv4 allows.
fn frame(size: usize) -> Vec<u8> {
    let udp = size as u16 + 8;
    let mut ip = vec![0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 17, 0, 0, 10, 9, 0, 2, 10, 9, 0, 1];
    ip[2..4].copy_from_slice(&(udp + 20).to_be_bytes());
    let sum: u32 = ip.chunks(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]]))).sum();
    let check = !((sum & 0xffff) + (sum >> 16)) as u16;
    ip[10..12].copy_from_slice(&check.to_be_bytes());
    let mut frame = [&Pair::MAC_HERE[..], &Pair::MAC_THERE, &[0x08, 0x00], &ip].concat();
    frame.extend([5000, 7500, udp, 0].iter().flat_map(|word: &u16| word.to_be_bytes()));
    frame.resize(HEADERS + size, 7);
    frame
}
