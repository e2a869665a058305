//! What goes over the wires of this machine, as an eavesdropper gets it.

use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, recv, socket_with};

/// `ETH_P_ALL`, in network order.
const EVERYTHING: u32 = (3u16.to_be()) as u32;

/// Collects datagrams until it is asked.
pub struct Wire {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Vec<u8>>>,
}

impl Wire {
    /// `None`, with the reason printed, where that is not permitted.
    pub fn tap() -> Option<Self> {
        let protocol = NonZeroU32::new(EVERYTHING).map(Protocol::from_raw);
        let flags = SocketFlags::CLOEXEC;
        let socket = match socket_with(AddressFamily::PACKET, SocketType::RAW, flags, protocol) {
            Ok(socket) => socket,
            Err(error) => {
                eprintln!("skipped: the wire cannot be listened to ({error}; it takes root)");
                return None;
            }
        };
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let stop = stop.clone();
            move || collect(&socket, &stop)
        });
        Some(Self { stop, thread })
    }

    pub fn packets(self) -> Vec<Vec<u8>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn collect(socket: &OwnedFd, stop: &AtomicBool) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut buffer = vec![0; 1 << 17];
    let moment = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    loop {
        let ready = poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&moment)).unwrap();
        if ready == 0 {
            // Asked, and nothing more on its way.
            if stop.load(Ordering::Relaxed) {
                return packets;
            }
            continue;
        }
        let (_, length) = recv(socket, &mut buffer[..], RecvFlags::empty()).unwrap();
        packets.push(buffer[..length].to_vec());
        if packets.len() > 100_000 {
            return packets;
        }
    }
}

/// How many of `packets` have `text` in them.
pub fn tell(packets: &[Vec<u8>], text: &str) -> usize {
    let has = |packet: &&Vec<u8>| packet.windows(text.len()).any(|part| part == text.as_bytes());
    packets.iter().filter(has).count()
}
