use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};

use super::peer;
use super::replies::Replies;
use super::{NAP, Who, wait};
use crate::frame::Reply;
use crate::intake::Intake;
use crate::rate::Rate;
use crate::split::{self, Piece, Splitter};
use crate::stats::EndpointStats;
use crate::{Format, IngressOptions, Reason, Reject};

/// How long a client that is gone or turned away may take to read its last replies.
const FAREWELL: Duration = Duration::from_millis(500);
/// The longest packet Linux carries with its default buffers.
const MAX_PACKET: usize = 256 << 10;
/// How long clients that go on sending are heard after we were asked to stop.
const LAST_CALL: Duration = Duration::from_secs(1);

/// One client.
pub(crate) struct Connection {
    fd: OwnedFd,
    packets: bool,
    format: Format,
    max: usize,
    rate: Rate,
    replies: Replies,
    lines: u64,
    name: String,
    /// Set when asked to stop: who goes on sending is heard until then.
    last_call: Option<Instant>,
}

/// Whether to go on with a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    Close,
}

impl Connection {
    pub fn new(fd: OwnedFd, packets: bool, format: Format, options: &IngressOptions) -> Self {
        let name = peer::name(fd.as_fd());
        Self {
            fd,
            packets,
            format,
            max: options.max_frame,
            rate: Rate::new(options.max_rate),
            replies: Replies::new(packets),
            lines: 0,
            name,
            last_call: None,
        }
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Says why and hangs up, without waiting.
    pub fn turn_away(mut self, reject: &Reject, stats: &EndpointStats) {
        self.refuse(0, reject, true, stats);
        self.replies.send(self.fd.as_fd());
        self.hang_up();
    }

    /// Ends the connection. What the client has sent and nobody has read would end it with ECONNRESET on
    /// its side, perhaps before it has read why.
    fn hang_up(self) {
        let mut buffer = [0; 4096];
        if shutdown(&self.fd, Shutdown::Both).is_ok() {
            while matches!(recv(&self.fd, &mut buffer[..], RecvFlags::DONTWAIT), Ok((1.., _))) {}
        }
    }

    /// Takes what the client sends until it hangs up or `stopped`; then what has arrived.
    pub fn serve(mut self, intake: &Intake<'_>, stats: &EndpointStats, stopped: &dyn Fn() -> bool) {
        if self.packets {
            self.serve_packets(intake, stats, stopped);
        } else {
            self.serve_stream(intake, stats, stopped);
        }
        let deadline = Instant::now() + FAREWELL;
        while !self.replies.is_empty() && Instant::now() < deadline {
            self.replies.send(self.fd.as_fd());
            if !self.replies.is_empty() {
                wait(self.fd.as_fd(), PollFlags::OUT);
            }
        }
        self.hang_up();
    }

    fn serve_stream(
        &mut self,
        intake: &Intake<'_>,
        stats: &EndpointStats,
        stopped: &dyn Fn() -> bool,
    ) {
        let mut splitter = Splitter::new(self.format, self.max);
        while self.goes_on(stopped) {
            match recv(&self.fd, splitter.room(), RecvFlags::DONTWAIT) {
                Ok((0, _)) => break,
                Ok((count, _)) => {
                    splitter.filled(count);
                    while let Some(piece) = splitter.next() {
                        if self.take(piece, intake, stats, stopped) == Next::Close {
                            return;
                        }
                    }
                }
                // The client is gone, with replies unread: told after all that it has sent.
                Err(Errno::CONNRESET) => break,
                Err(error) => {
                    if self.idle(error, stopped) == Next::Close {
                        return;
                    }
                }
            }
        }
        if let Some(piece) = splitter.rest() {
            self.take(piece, intake, stats, stopped);
        }
    }

    fn serve_packets(
        &mut self,
        intake: &Intake<'_>,
        stats: &EndpointStats,
        stopped: &dyn Fn() -> bool,
    ) {
        let mut buffer = vec![0; MAX_PACKET];
        while self.goes_on(stopped) {
            // With TRUNC the kernel tells the packet's true length.
            match recv(&self.fd, &mut buffer[..], RecvFlags::DONTWAIT | RecvFlags::TRUNC) {
                // A packet of no bytes reads like the end; there is no telling them apart.
                Ok((_, 0)) => return,
                Ok((_, length)) if length > buffer.len() => {
                    let text =
                        format!("a packet of {length} bytes; at most {MAX_PACKET} are taken");
                    self.refuse(0, &Reject::new(Reason::TooLarge, text), false, stats);
                }
                Ok((count, _)) => {
                    let (format, max) = (self.format, self.max);
                    split::datagram(format, max, &buffer[..count], |piece| {
                        // Packets are apart: what is wrong with one ends nothing else.
                        self.take(piece, intake, stats, stopped);
                    });
                }
                // The client is gone, with replies unread: told once, before what still waits.
                Err(Errno::CONNRESET) => {}
                Err(error) => {
                    if self.idle(error, stopped) == Next::Close {
                        return;
                    }
                }
            }
        }
    }

    fn goes_on(&mut self, stopped: &dyn Fn() -> bool) -> bool {
        if !stopped() {
            return true;
        }
        let now = Instant::now();
        now < *self.last_call.get_or_insert(now + LAST_CALL)
    }

    /// Nothing to read: send what waits, sleep a little.
    fn idle(&mut self, error: Errno, stopped: &dyn Fn() -> bool) -> Next {
        match error {
            Errno::AGAIN if stopped() => return Next::Close,
            Errno::AGAIN => {}
            Errno::INTR => return Next::Go,
            _ => return Next::Close,
        }
        self.replies.send(self.fd.as_fd());
        let waiting = if self.replies.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        wait(self.fd.as_fd(), PollFlags::IN | waiting);
        Next::Go
    }

    fn take(
        &mut self,
        piece: Piece<'_>,
        intake: &Intake<'_>,
        stats: &EndpointStats,
        stopped: &dyn Fn() -> bool,
    ) -> Next {
        self.lines += 1;
        // Not reading is the back-pressure: the client's socket fills up.
        while let Err(left) = self.rate.take() {
            if stopped() {
                break;
            }
            std::thread::sleep(left.min(NAP));
        }
        match piece {
            Piece::Whole(bytes) => {
                let outcome = intake.take(self.format, bytes, stats);
                match outcome.result {
                    Ok(()) if outcome.answer => {
                        let reply = Reply { id: outcome.id, code: 0, closes: false, text: "" };
                        self.replies.add(stats, |out| reply.encode(out));
                    }
                    Ok(()) => {}
                    Err(reject) => self.refuse(outcome.id, &reject, false, stats),
                }
            }
            Piece::Skipped(reject, id) => self.refuse(id, &reject, false, stats),
            Piece::Lost(reject) => {
                self.refuse(0, &reject, !self.packets, stats);
                if !self.packets {
                    return Next::Close;
                }
            }
        }
        self.replies.send(self.fd.as_fd());
        Next::Go
    }

    fn refuse(&mut self, id: u32, reject: &Reject, closes: bool, stats: &EndpointStats) {
        stats.reject(reject, &Who(&self.name));
        match self.format {
            Format::Frames => {
                self.replies.add(stats, |out| Reply::refusal(id, reject, closes).encode(out));
            }
            Format::Lines => {
                let at =
                    if self.lines > 0 { format!("line {}: ", self.lines) } else { String::new() };
                // A refusal holds no line feed.
                let text = format!("error: {at}{reject}\n");
                self.replies.add(stats, |out| out.extend_from_slice(text.as_bytes()));
            }
        }
    }
}
