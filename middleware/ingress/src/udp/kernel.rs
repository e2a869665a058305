//! Ordinary sockets: one datagram a call, or many.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto};

use super::interface::Interface;
use super::{Datagram, UdpOptions, Way};
use crate::IngressError;

/// Asked of the kernel for bursts; it gives what it allows.
const RECEIVE_BUFFER: usize = 8 << 20;
/// The longest datagram over IPv4.
const LONGEST: usize = 65_507;

/// Makes the socket, and says which interface it is about: the one named, else the one that has the
/// address, else none.
pub(super) fn bind(options: &UdpOptions) -> Result<(UdpSocket, Option<Interface>), IngressError> {
    let address = options.address;
    let failed = |what: &str| IngressError::system(format!("udp://{address}"), what.to_owned());
    let interfaces = Interface::all().map_err(failed("list interfaces"))?;
    let interface = if options.interface.is_empty() {
        interfaces.iter().find(|i| i.addresses.contains(address.ip()))
    } else {
        let named = interfaces.iter().find(|i| i.name == options.interface);
        if named.is_none() {
            let names: Vec<_> = interfaces.iter().map(|i| i.name.as_str()).collect();
            return Err(IngressError::Option {
                option: "udp_interface",
                value: options.interface.clone(),
                remedy: format!("the interfaces here are {}", names.join(", ")),
            });
        }
        named
    };
    let socket = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(ipproto::UDP),
    )
    .map_err(|e| failed("socket")(e.into()))?;
    let group = address.ip().is_multicast();
    if group {
        // Several programs of a host may hear one group.
        sockopt::set_socket_reuseaddr(&socket, true)
            .map_err(|e| failed("SO_REUSEADDR")(e.into()))?;
    }
    let larger = sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER);
    if larger.is_err() {
        // Without privileges net.core.rmem_max is the limit, and no error.
        let _ = sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER);
    }
    // Bound to the group, so that other groups of this host stay out.
    rustix::net::bind(&socket, &address)
        .map_err(|e| failed("bind; is the address ours and the port free?")(e.into()))?;
    if group {
        let index = interface.map_or(0, |i| i.index);
        sockopt::set_ip_add_membership_with_ifindex(
            &socket,
            address.ip(),
            &Ipv4Addr::UNSPECIFIED,
            index,
        )
        .map_err(|e| failed("join the group; name the interface with udp_interface")(e.into()))?;
    }
    Ok((UdpSocket::from(socket), interface.cloned()))
}

pub(super) fn address(socket: &UdpSocket) -> io::Result<SocketAddrV4> {
    match socket.local_addr()? {
        SocketAddr::V4(address) => Ok(address),
        SocketAddr::V6(_) => Err(io::Error::other("an IPv4 socket has an IPv6 address")),
    }
}

/// What the socket has dropped for want of room: the counter SO_RXQ_OVFL sends along with
/// datagrams, but readable also when none comes any more. It wraps at 2^32.
pub(super) fn dropped(socket: &UdpSocket) -> u64 {
    const DROPS: usize = libc::SK_MEMINFO_DROPS as usize;
    let mut info = [0_u32; 16];
    let mut bytes = size_of_val(&info) as libc::socklen_t;
    // SAFETY: `info` holds `bytes` bytes, and the kernel writes at most as many.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            info.as_mut_ptr().cast(),
            &mut bytes,
        )
    };
    if result == 0 { u64::from(info[DROPS]) } else { 0 }
}

/// Waits until there is something to read; false after `timeout`.
pub(super) fn readable(fds: &mut [PollFd<'_>], timeout: Duration) -> io::Result<bool> {
    let timeout = Timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    match poll(fds, Some(&timeout)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// `recv` after `recv`: what everybody does.
pub(super) struct Blocking {
    socket: UdpSocket,
    timeout: Duration,
    buffer: Vec<u8>,
}

impl Blocking {
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        let timeout = Duration::from_millis(100);
        socket.set_read_timeout(Some(timeout))?;
        Ok(Self { socket, timeout, buffer: vec![0; LONGEST] })
    }
}

impl Way for Blocking {
    fn receive(
        &mut self,
        timeout: Duration,
        take: &mut dyn FnMut(Datagram<'_>),
    ) -> io::Result<usize> {
        // Zero would mean for ever.
        let timeout = timeout.max(Duration::from_micros(1));
        if timeout != self.timeout {
            self.socket.set_read_timeout(Some(timeout))?;
            self.timeout = timeout;
        }
        match self.socket.recv_from(&mut self.buffer) {
            Ok((count, SocketAddr::V4(source))) => {
                take(Datagram { source, bytes: &self.buffer[..count] });
                Ok(1)
            }
            Ok((_, SocketAddr::V6(_))) => Ok(0),
            Err(error) => no_news(error),
        }
    }

    fn dropped(&self) -> u64 {
        dropped(&self.socket)
    }
}

fn no_news(error: io::Error) -> io::Result<usize> {
    match error.kind() {
        // An ICMP answer to nothing we sent also ends a receive.
        io::ErrorKind::WouldBlock
        | io::ErrorKind::TimedOut
        | io::ErrorKind::Interrupted
        | io::ErrorKind::ConnectionRefused => Ok(0),
        _ => Err(error),
    }
}

/// Datagrams a call of `recvmmsg`.
const BATCH: usize = 32;
/// How long to go on asking before sleeping.
pub(super) const SPIN: Duration = Duration::from_micros(50);

/// Asks for datagrams again and again, for [`SPIN`] and at most `timeout`; gives their number.
pub(super) fn spin(
    timeout: Duration,
    mut ask: impl FnMut() -> io::Result<usize>,
) -> io::Result<usize> {
    let start = Instant::now();
    loop {
        let count = ask()?;
        if count > 0 || start.elapsed() >= SPIN.min(timeout) {
            return Ok(count);
        }
        std::hint::spin_loop();
    }
}

/// `recvmmsg`, asked again and again for a while before sleeping.
pub(super) struct Batch {
    socket: UdpSocket,
    buffers: Box<[[u8; LONGEST]]>,
}

impl Batch {
    pub fn new(socket: UdpSocket) -> Self {
        let spin = SPIN.as_micros() as libc::c_int;
        // SAFETY: the option's value is the `c_int` pointed to, whose size is given. It makes the
        // kernel ask the driver itself; a refusal (no driver, no privileges) changes nothing.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_BUSY_POLL,
                (&raw const spin).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        Self { socket, buffers: vec![[0; LONGEST]; BATCH].into_boxed_slice() }
    }

    /// What is there now.
    pub fn take(&mut self, take: &mut dyn FnMut(Datagram<'_>)) -> io::Result<usize> {
        let mut names = [const { MaybeUninit::<libc::sockaddr_in>::zeroed() }; BATCH];
        let mut parts = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: LONGEST }; BATCH];
        for (part, buffer) in parts.iter_mut().zip(&mut self.buffers) {
            part.iov_base = buffer.as_mut_ptr().cast();
        }
        let mut messages: [libc::mmsghdr; BATCH] = std::array::from_fn(|i| {
            // SAFETY: all of its fields are numbers and pointers, for which zero is a value.
            let mut message: libc::mmsghdr = unsafe { MaybeUninit::zeroed().assume_init() };
            message.msg_hdr.msg_name = names[i].as_mut_ptr().cast();
            message.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            message.msg_hdr.msg_iov = &raw mut parts[i];
            message.msg_hdr.msg_iovlen = 1;
            message
        });
        // SAFETY: each of the `BATCH` messages points to a name and a buffer of the lengths given,
        // which live until the call returns; the kernel writes to them and to `messages` only.
        let count = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                messages.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else { return no_news(io::Error::last_os_error()) };
        for ((message, name), buffer) in messages.iter().zip(&names).zip(&self.buffers).take(count)
        {
            // SAFETY: it was zeroed, so it is a value whatever the kernel wrote.
            let name = unsafe { name.assume_init_ref() };
            let ip = Ipv4Addr::from_bits(u32::from_be(name.sin_addr.s_addr));
            let source = SocketAddrV4::new(ip, u16::from_be(name.sin_port));
            take(Datagram { source, bytes: &buffer[..(message.msg_len as usize).min(LONGEST)] });
        }
        Ok(count)
    }

    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }
}

impl Way for Batch {
    fn receive(
        &mut self,
        timeout: Duration,
        take: &mut dyn FnMut(Datagram<'_>),
    ) -> io::Result<usize> {
        let count = spin(timeout, || self.take(take))?;
        if count > 0 {
            return Ok(count);
        }
        let mut fds = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)];
        if readable(&mut fds, timeout.saturating_sub(SPIN))? { self.take(take) } else { Ok(0) }
    }

    fn dropped(&self) -> u64 {
        dropped(&self.socket)
    }
}
