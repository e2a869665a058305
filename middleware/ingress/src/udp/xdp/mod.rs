//! AF_XDP: datagrams go from the driver into our memory, past the kernel's IP and socket layers.
//!
//! A small program on the interface picks our datagrams out; all other traffic goes its usual way,
//! and so do fragments, IP options and VLAN tags, which an ordinary socket on the same port receives.

mod bpf;
mod device;
pub(super) mod packet;
mod program;
mod ring;
mod socket;

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::net::sockopt::socket_error;

use super::interface::Interface;
use super::kernel::{self, Batch, SPIN};
use super::{Datagram, Way};
use socket::Socket;

/// linux/if_link.h: where the program runs.
const IN_STACK: u32 = 1 << 1;
const IN_DRIVER: u32 = 1 << 2;
/// How often the ordinary socket is looked at while the others are busy.
const LOOK: Duration = Duration::from_millis(5);
/// How long to wait for a queue that somebody has just left.
const GIVE_BACK: Duration = Duration::from_millis(500);
/// What a frame of memory must hold besides a packet: the kernel's headroom, Ethernet, VLAN.
const OVERHEAD: u32 = 256 + 22;
/// More queues than this have no socket; their datagrams come through the kernel.
const MAX_QUEUES: u32 = 64;

/// Receives through AF_XDP.
pub(super) struct Xdp {
    // In this order: the program goes first, then the sockets it points to.
    _link: OwnedFd,
    sockets: Vec<Socket>,
    ordinary: Batch,
    looked: Instant,
}

impl Xdp {
    /// Takes over `ordinary`'s datagrams to `addresses`; in the driver (`native`) or behind it.
    /// Gives `ordinary` back if that does not work, with the reason.
    pub fn open(
        ordinary: UdpSocket,
        interface: &Interface,
        addresses: &[Ipv4Addr],
        native: bool,
    ) -> Result<Self, (UdpSocket, io::Error)> {
        match Self::attach(&ordinary, interface, addresses, native) {
            Ok((_link, sockets)) => {
                Ok(Self { _link, sockets, ordinary: Batch::new(ordinary), looked: Instant::now() })
            }
            Err(error) => Err((ordinary, error)),
        }
    }

    fn attach(
        ordinary: &UdpSocket,
        interface: &Interface,
        addresses: &[Ipv4Addr],
        native: bool,
    ) -> io::Result<(OwnedFd, Vec<Socket>)> {
        if addresses.is_empty() || addresses.len() > program::MAX_ADDRESSES {
            let most = program::MAX_ADDRESSES;
            return Err(io::Error::other(format!(
                "the interface has no address, or more than {most}"
            )));
        }
        let needed = device::mtu(ordinary, interface)? + OVERHEAD;
        let Some(frame_size) = [2048, 4096].into_iter().find(|size| needed <= *size) else {
            return Err(io::Error::other("its packets are longer than 3,800 bytes (MTU)"));
        };
        let queues = device::queues(ordinary, interface)?.min(MAX_QUEUES);
        let map = bpf::socket_map(queues)?;
        let port = kernel::address(ordinary)?.port();
        let raw_map = std::os::fd::AsRawFd::as_raw_fd(&map);
        let program = bpf::load(&program::filter(addresses, port, raw_map))?;
        let mut sockets = Vec::new();
        // First the program, then the sockets: drivers make their queues ready for both in this
        // order. Until a queue has its socket, its datagrams go the ordinary way.
        let mode = if native { IN_DRIVER } else { IN_STACK };
        let link = bpf::attach(program.as_fd(), interface.index, mode)?;
        for queue in 0..queues {
            // Without flags the kernel takes the driver's zero-copy way where there is one.
            let flags = if native { 0 } else { libc::XDP_COPY };
            let socket = bind(interface.index, queue, frame_size, flags)?;
            bpf::set_socket(map.as_fd(), queue, socket.as_fd())?;
            sockets.push(socket);
        }
        Ok((link, sockets))
    }

    /// Whether the driver writes into our memory itself.
    pub fn is_zero_copy(&self) -> bool {
        self.sockets.iter().all(Socket::is_zero_copy)
    }

    fn sweep(&mut self, take: &mut dyn FnMut(Datagram<'_>)) -> usize {
        self.sockets.iter_mut().map(|socket| socket.receive(take)).sum()
    }
}

/// A queue stays busy for a moment after the socket that had it is closed: the kernel takes it back
/// in the background.
fn bind(interface: u32, queue: u32, frame_size: u32, flags: u16) -> io::Result<Socket> {
    let start = Instant::now();
    loop {
        match Socket::bind(interface, queue, frame_size, flags) {
            Err(error)
                if error.kind() == io::ErrorKind::ResourceBusy && start.elapsed() < GIVE_BACK =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}

impl Way for Xdp {
    fn receive(
        &mut self,
        timeout: Duration,
        take: &mut dyn FnMut(Datagram<'_>),
    ) -> io::Result<usize> {
        let start = Instant::now();
        if start.duration_since(self.looked) >= LOOK || timeout.is_zero() {
            self.looked = start;
            let count = self.ordinary.take(take)?;
            if count > 0 {
                return Ok(count + self.sweep(take));
            }
        }
        let count = kernel::spin(timeout, || Ok(self.sweep(take)))?;
        if count > 0 {
            return Ok(count);
        }
        let mut fds: Vec<_> = self
            .sockets
            .iter()
            .map(|s| PollFd::from_borrowed_fd(s.as_fd(), PollFlags::IN))
            .collect();
        fds.push(PollFd::from_borrowed_fd(self.ordinary.socket().as_fd(), PollFlags::IN));
        if !kernel::readable(&mut fds, timeout.saturating_sub(SPIN))? {
            // An interface that is gone sends no wake-up, only this.
            for socket in &self.sockets {
                socket_error(socket)??;
            }
            return Ok(0);
        }
        drop(fds);
        self.looked = Instant::now();
        Ok(self.sweep(take) + self.ordinary.take(take)?)
    }

    fn dropped(&self) -> u64 {
        let lost: u64 = self.sockets.iter().map(Socket::dropped).sum();
        lost + self.ordinary.dropped()
    }

    fn damaged(&self) -> u64 {
        self.sockets.iter().map(Socket::damaged).sum()
    }
}
