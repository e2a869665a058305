//! What clients are told.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use crate::stats::EndpointStats;

/// Replies kept for a client that does not read them; further ones are dropped.
const MAX_REPLIES: usize = 64 << 10;

/// What is still to be sent to the client.
#[derive(Default)]
pub(super) struct Replies {
    bytes: Vec<u8>,
    /// Ends of the replies, for SOCK_SEQPACKET, where each is a packet.
    ends: VecDeque<usize>,
    packets: bool,
    sent: usize,
}

impl Replies {
    /// None yet. With `packets` each will be a packet of its own.
    pub fn new(packets: bool) -> Self {
        Self { packets, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds what `write` appends, or counts it as dropped.
    pub fn add(&mut self, stats: &EndpointStats, write: impl FnOnce(&mut Vec<u8>)) {
        if self.bytes.len() >= MAX_REPLIES {
            EndpointStats::add(&stats.replies_dropped, 1);
            return;
        }
        write(&mut self.bytes);
        if self.packets {
            self.ends.push_back(self.bytes.len());
        }
    }

    /// Sends what the client takes now.
    pub fn send(&mut self, fd: BorrowedFd<'_>) {
        while self.sent < self.bytes.len() {
            let end = if self.packets { self.ends.front().copied() } else { None };
            let part = &self.bytes[self.sent..end.unwrap_or(self.bytes.len())];
            match send(fd, part, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => {
                    self.sent += count;
                    if self.packets {
                        self.ends.pop_front();
                    }
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                // It may have closed its reading side only: what it sends still counts.
                Err(_) => {
                    self.sent = self.bytes.len();
                    break;
                }
            }
        }
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.ends.clear();
            self.sent = 0;
        } else if !self.packets && self.sent > MAX_REPLIES / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}
