//! UDP, by the fastest way that works here.
//!
//! ```
//! use std::net::UdpSocket;
//! use std::time::Duration;
//! use tidewire_ingress::{Rung, udp::{self, UdpOptions}};
//!
//! let options = UdpOptions { rung: Rung::BusyPoll, ..UdpOptions::at("127.0.0.1:0".parse()?) };
//! let mut receiver = udp::open(&options)?;
//! assert_eq!(receiver.rung(), Rung::BusyPoll);
//! UdpSocket::bind("127.0.0.1:0")?.send_to(b"hello", receiver.address())?;
//! let mut got: Vec<u8> = Vec::new();
//! while got.is_empty() {
//!     receiver.receive(Duration::from_secs(1), |datagram| got.extend(datagram.bytes))?;
//! }
//! assert_eq!(got, b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod interface;
mod kernel;
mod serve;
mod xdp;

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use crate::{IngressError, IngressOptions, Rung};

use interface::Interface;
pub(crate) use serve::Job;
use xdp::Xdp;
#[doc(hidden)]
pub use xdp::packet::datagram as ethernet;

/// Where and how to receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpOptions {
    /// Address and port; a multicast address is a group to join.
    pub address: SocketAddrV4,
    /// Interface by name; empty: the one that has the address.
    pub interface: String,
    /// Which way.
    pub rung: Rung,
}

impl UdpOptions {
    /// At an address, by the fastest way.
    pub fn at(address: SocketAddrV4) -> Self {
        Self { address, interface: String::new(), rung: Rung::Auto }
    }

    pub(crate) fn new(address: SocketAddrV4, options: &IngressOptions) -> Self {
        Self { address, interface: options.udp_interface.clone(), rung: options.rung }
    }
}

/// One datagram; its bytes are gone when the next one comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub source: SocketAddrV4,
    /// What.
    pub bytes: &'a [u8],
}

/// A way for datagrams to come.
trait Way: Send {
    /// Calls `take` for what has come, at once if there is something, else after waiting for at most
    /// `timeout`. Gives the number of datagrams.
    fn receive(
        &mut self,
        timeout: Duration,
        take: &mut dyn FnMut(Datagram<'_>),
    ) -> io::Result<usize>;
    /// Datagrams lost because we were too slow, so far.
    fn dropped(&self) -> u64;
    /// Datagrams that were damaged on the way, so far.
    fn damaged(&self) -> u64 {
        0
    }
}

/// An open UDP port.
pub struct Receiver {
    way: Box<dyn Way>,
    rung: Rung,
    description: String,
    address: SocketAddrV4,
}

impl Receiver {
    /// The way that was taken.
    pub fn rung(&self) -> Rung {
        self.rung
    }

    /// The way in words, with why no faster one works.
    pub fn description(&self) -> String {
        self.description.clone()
    }

    /// Where it listens, with the port the system chose for port 0.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// Calls `take` for each datagram that has come; waits for the first one for at most `timeout`.
    ///
    /// # Errors
    /// The socket is broken, or its interface is gone.
    pub fn receive(
        &mut self,
        timeout: Duration,
        mut take: impl FnMut(Datagram<'_>),
    ) -> io::Result<usize> {
        self.way.receive(timeout, &mut take)
    }

    /// Datagrams the kernel has dropped because we were too slow.
    pub fn dropped(&self) -> u64 {
        self.way.dropped()
    }

    /// Datagrams with wrong checksums, where we and not the kernel check them.
    pub fn damaged(&self) -> u64 {
        self.way.damaged()
    }
}

/// Opens a port by the way asked for, or by the fastest that works.
///
/// # Errors
/// An address that is not ours or taken, a group that cannot be joined, a way that was asked for and
/// does not work.
pub fn open(options: &UdpOptions) -> Result<Receiver, IngressError> {
    let (socket, interface) = kernel::bind(options)?;
    let address =
        kernel::address(&socket).map_err(IngressError::system(options.address, "getsockname"))?;
    let made = |way: Box<dyn Way>, rung, description: String| {
        Ok(Receiver { way, rung, description, address })
    };
    let failed = |what: &str| IngressError::system(options.address, what.to_owned());
    let mut socket = socket;
    let mut reasons = Vec::new();
    for (rung, native) in [(Rung::XdpNative, true), (Rung::XdpGeneric, false)] {
        if options.rung != rung && options.rung != Rung::Auto {
            continue;
        }
        let name = if native { "AF_XDP native" } else { "AF_XDP generic" };
        let reason = match usable(options, interface.as_ref()) {
            Ok((interface, addresses)) => match Xdp::open(socket, interface, &addresses, native) {
                Ok(way) => {
                    let copy = if way.is_zero_copy() { "zero-copy" } else { "copy mode" };
                    let text = format!("{name} ({copy}) on {}", interface.name);
                    return made(Box::new(way), rung, with_reasons(text, &reasons));
                }
                Err((back, error)) => {
                    socket = back;
                    error
                }
            },
            Err(reason) => io::Error::other(reason),
        };
        if options.rung == rung {
            return Err(failed(name)(reason));
        }
        reasons.push(format!("{name}: {reason}"));
    }
    if options.rung == Rung::Blocking {
        let way = kernel::Blocking::new(socket).map_err(failed("SO_RCVTIMEO"))?;
        return made(Box::new(way), Rung::Blocking, "blocking recv".into());
    }
    let text = with_reasons("busy-poll recvmmsg".into(), &reasons);
    made(Box::new(kernel::Batch::new(socket)), Rung::BusyPoll, text)
}

fn with_reasons(text: String, reasons: &[String]) -> String {
    if reasons.is_empty() { text } else { format!("{text}; not {}", reasons.join(", not ")) }
}

/// The interface AF_XDP can work on and the addresses it would take datagrams of, or why not.
fn usable<'a>(
    options: &UdpOptions,
    interface: Option<&'a Interface>,
) -> Result<(&'a Interface, Vec<Ipv4Addr>), &'static str> {
    let Some(interface) = interface else {
        return Err("name the interface (udp_interface)");
    };
    if options.rung == Rung::Auto && interface.addresses.iter().any(Ipv4Addr::is_loopback) {
        return Err("not worth it on loopback");
    }
    let address = *options.address.ip();
    let addresses =
        if address.is_unspecified() { interface.addresses.clone() } else { vec![address] };
    Ok((interface, addresses))
}
