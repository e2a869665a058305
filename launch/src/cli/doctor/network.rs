//! Whether hosts can find each other, and have room for bursts.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use super::{Check, Verdict};
use crate::cli::output::bytes;

/// The group DDS discovery uses (RTPS 2.5, 9.6.1.4); a port nobody does.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 0, 1);

pub fn multicast() -> Check {
    let remedy = "discovery between hosts needs multicast: `ip link set <interface> multicast on`, a route \
                  (`ip route add 239.255.0.0/16 dev <interface>`) and a firewall that lets UDP 7400-7500 pass; \
                  nodes on this host find each other all the same";
    match heard_own_multicast() {
        Ok(true) => Check::new("multicast", Verdict::Ok, "a datagram to 239.255.0.1 came back", ""),
        Ok(false) => Check::new(
            "multicast",
            Verdict::Warn,
            "a datagram to 239.255.0.1 did not come back",
            remedy,
        ),
        Err(error) => Check::new("multicast", Verdict::Warn, error.to_string(), remedy),
    }
}

fn heard_own_multicast() -> io::Result<bool> {
    let hear = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    hear.join_multicast_v4(&GROUP, &Ipv4Addr::UNSPECIFIED)?;
    hear.set_read_timeout(Some(Duration::from_millis(500)))?;
    let say = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    say.set_multicast_loop_v4(true)?;
    say.send_to(b"tidewire doctor", SocketAddrV4::new(GROUP, hear.local_addr()?.port()))?;
    let mut heard = [0; 64];
    match hear.recv_from(&mut heard) {
        Ok((length, _)) => Ok(&heard[..length] == b"tidewire doctor"),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// What the kernel grants of a receive buffer of `wanted` bytes.
fn receive_buffer(wanted: usize) -> io::Result<usize> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    rustix::net::sockopt::set_socket_recv_buffer_size(&socket, wanted)?;
    // The kernel doubles what was asked for, to count its own overhead.
    Ok(rustix::net::sockopt::socket_recv_buffer_size(&socket)? / 2)
}

pub fn buffers() -> Check {
    const WANTED: usize = 4 << 20;
    let remedy = "bursts between hosts need room: `sysctl -w net.core.rmem_max=8388608` (and into /etc/sysctl.d)";
    match receive_buffer(WANTED) {
        Ok(got) if got >= WANTED => {
            Check::new("socket buffers", Verdict::Ok, format!("{} granted", bytes(got as u64)), "")
        }
        Ok(got) => {
            let found =
                format!("{} granted of {} asked for", bytes(got as u64), bytes(WANTED as u64));
            Check::new("socket buffers", Verdict::Warn, found, remedy)
        }
        Err(error) => Check::new("socket buffers", Verdict::Warn, error.to_string(), remedy),
    }
}
