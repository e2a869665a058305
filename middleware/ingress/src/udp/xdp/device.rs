//! What AF_XDP must know of a network interface.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use crate::udp::interface::Interface;

/// struct ethtool_channels (linux/ethtool.h).
#[repr(C)]
#[derive(Default)]
struct Channels {
    command: u32,
    max_rx: u32,
    max_tx: u32,
    max_other: u32,
    max_combined: u32,
    rx: u32,
    tx: u32,
    other: u32,
    combined: u32,
}

const GET_CHANNELS: u32 = 0x3c;

fn request(interface: &Interface) -> io::Result<libc::ifreq> {
    // SAFETY: numbers, bytes and pointers: zero is a value of each.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let name = interface.name.as_bytes();
    // The last byte stays the NUL.
    if name.len() >= request.ifr_name.len() {
        return Err(io::Error::other("an interface name that is too long"));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name) {
        *to = from.cast_signed();
    }
    Ok(request)
}

/// Receive queues of the interface; one where the driver does not tell.
pub fn queues(socket: &UdpSocket, interface: &Interface) -> io::Result<u32> {
    let mut channels = Channels { command: GET_CHANNELS, ..Channels::default() };
    let mut request = request(interface)?;
    request.ifr_ifru.ifru_data = (&raw mut channels).cast();
    // SAFETY: the request names an interface and points to a struct of the command's layout; both
    // outlive the call.
    let result =
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    Ok(if result == 0 { (channels.rx + channels.combined).max(1) } else { 1 })
}

/// The longest packet without Ethernet header, bytes.
pub fn mtu(socket: &UdpSocket, interface: &Interface) -> io::Result<u32> {
    let mut request = request(interface)?;
    // SAFETY: the request names an interface and outlives the call.
    let result =
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFMTU as _, &raw mut request) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call that succeeded has set this field.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    u32::try_from(mtu).map_err(|_| io::Error::other("a negative MTU"))
}
