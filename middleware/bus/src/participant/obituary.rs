//! Telling the network that a participant of this host was killed.
//!
//! Its RELIABLE readers acknowledge nothing any more, and writers everywhere wait for them until its
//! lease ends (RustDDS: 50 s), refusing samples to those who live. Shared memory knows of the death by
//! a file lock that the kernel has dropped. So whoever clears up after the dead one says on its behalf
//! what it would have said itself on leaving: it disposes its entry in the discovery of participants
//! (RTPS 2.5, 8.5.3 and 9.6.3.9), which all vendors understand.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, UdpSocket};

use tidewire_transport::Prefix;

use super::interfaces;

/// Default multicast group of discovery (RTPS 2.5, 9.6.1.4).
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 0, 1);
/// It may get lost; to hear it again does no harm.
const TIMES: usize = 2;

/// Disposes the participant `dead` of `domain` by multicast on `chosen` interfaces, on all if empty.
pub(crate) fn send(domain: u16, chosen: &[IpAddr], dead: &Prefix) {
    let message = message(dead);
    let all;
    let interfaces = match chosen {
        [] => {
            all = interfaces::all();
            &all
        }
        some => some,
    };
    for interface in interfaces {
        let IpAddr::V4(interface) = interface else { continue };
        if let Err(error) = multicast(*interface, domain, &message) {
            tracing::debug!(%interface, %error, "cannot tell the network of a killed participant");
        }
    }
}

fn multicast(interface: Ipv4Addr, domain: u16, message: &[u8]) -> io::Result<()> {
    let socket = UdpSocket::bind((interface, 0))?;
    rustix::net::sockopt::set_ip_multicast_if(&socket, &interface)?;
    socket.set_multicast_loop_v4(true)?;
    // Well-known ports: RTPS 2.5, 9.6.2.3.
    let to = SocketAddrV4::new(GROUP, 7400 + 250 * domain);
    (0..TIMES).try_for_each(|_| socket.send_to(message, to).map(drop))
}

/// RTPS message with one DATA submessage: a key, disposed and unregistered.
fn message(dead: &Prefix) -> Vec<u8> {
    const PARTICIPANT: [u8; 4] = [0, 0, 1, 0xc1];
    const READER: [u8; 4] = [0, 1, 0, 0xc7];
    const WRITER: [u8; 4] = [0, 1, 0, 0xc2];
    const DATA: u8 = 0x15;
    // Little endian, with inline QoS, the payload is a key.
    const FLAGS: u8 = 0x01 | 0x02 | 0x08;
    const SENTINEL: [u8; 4] = [1, 0, 0, 0];
    let guid = [&dead[..], &PARTICIPANT].concat();
    let parameter = |id: u16, value: &[u8]| {
        [&id.to_le_bytes(), &(value.len() as u16).to_le_bytes(), value].concat()
    };
    let body = [
        // No extra flags; inline QoS begins 16 bytes on.
        &[0, 0, 16, 0][..],
        &READER,
        &WRITER,
        // A number its announcements did not come to: one each ten seconds.
        &0_i32.to_le_bytes(),
        &(1_u32 << 30).to_le_bytes(),
        // PID_KEY_HASH, PID_STATUS_INFO
        &parameter(0x0070, &guid),
        &parameter(0x0071, &[0, 0, 0, 3]),
        &SENTINEL,
        // Parameter list, little endian: PID_PARTICIPANT_GUID
        &[0, 3, 0, 0],
        &parameter(0x0050, &guid),
        &SENTINEL,
    ]
    .concat();
    let [major, minor] = [2, 3];
    let length = (body.len() as u16).to_le_bytes();
    [
        b"RTPS",
        // A prefix begins with its vendor's id (RTPS 2.5, 9.3.1.5).
        &[major, minor, dead[0], dead[1]][..],
        dead,
        &[DATA, FLAGS, length[0], length[1]],
        &body,
    ]
    .concat()
}
