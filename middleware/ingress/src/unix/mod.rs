//! Unix domain sockets: one thread for each client, so that a client whose topic is full waits alone.

mod connection;
mod listener;
mod peer;
mod replies;

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

pub(crate) use connection::Connection;
pub(crate) use listener::Listener;

use crate::intake::Intake;
use crate::stats::EndpointStats;
use crate::{Format, IngressError, IngressOptions, Reason, Reject};
use peer::Allowed;

/// How long a thread sleeps before it looks whether it shall stop.
const NAP: Duration = Duration::from_millis(100);

/// Waits for `events` on a socket, at most [`NAP`].
fn wait(fd: BorrowedFd<'_>, events: PollFlags) -> PollFlags {
    let mut fds = [PollFd::from_borrowed_fd(fd, events)];
    let nap = Timespec { tv_sec: 0, tv_nsec: NAP.as_nanos() as i64 };
    match poll(&mut fds, Some(&nap)) {
        Ok(_) => fds[0].revents(),
        // A signal: as good as nothing.
        Err(_) => PollFlags::empty(),
    }
}

/// Serves clients until `stopped`.
pub(crate) fn serve(
    listener: &Listener,
    format: Format,
    options: &IngressOptions,
    intake: &Intake<'_>,
    stats: &EndpointStats,
    stopped: &(impl Fn() -> bool + Sync),
) -> Result<(), IngressError> {
    let allowed = Allowed::new(options);
    let clients = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let mut number = 0_u64;
        // Clients that have connected before the stop are still heard.
        while let Some(accepted) = next_client(listener, stopped) {
            let fd = match accepted {
                Ok(fd) => fd,
                // Out of descriptors or memory: those who wait may get in later.
                Err(error) => {
                    let text = format!("a client could not be let in: {error}");
                    stats.reject(&Reject::new(Reason::Peer, text), &"accept");
                    std::thread::sleep(NAP);
                    continue;
                }
            };
            EndpointStats::add(&stats.connections, 1);
            number += 1;
            let connection = Connection::new(fd, listener.packets(), format, options);
            if let Err(reject) = allowed.check(connection.fd()) {
                connection.turn_away(&reject, stats);
                continue;
            }
            if clients.load(Ordering::Acquire) >= options.max_connections {
                let text =
                    format!("{} clients are connected (max_connections)", options.max_connections);
                connection.turn_away(&Reject::new(Reason::Peer, text), stats);
                continue;
            }
            clients.fetch_add(1, Ordering::AcqRel);
            let leave = Leave(clients.clone());
            let thread = std::thread::Builder::new().name(format!("ingress-{number}"));
            let serve = move || {
                let _leave = leave;
                connection.serve(intake, stats, stopped);
            };
            if let Err(error) = thread.spawn_scoped(scope, serve) {
                let text = format!("no thread for a client: {error}");
                stats.reject(&Reject::new(Reason::Peer, text), &"accept");
            }
        }
    });
    Ok(())
}

/// Gives a client's place back, however its thread ends.
struct Leave(Arc<AtomicUsize>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn next_client(
    listener: &Listener,
    stopped: &impl Fn() -> bool,
) -> Option<Result<std::os::fd::OwnedFd, Errno>> {
    loop {
        match listener.accept() {
            Ok(fd) => return Some(Ok(fd)),
            Err(Errno::AGAIN) if stopped() => return None,
            Err(Errno::AGAIN) => drop(wait(listener.as_fd(), PollFlags::IN)),
            Err(Errno::INTR | Errno::CONNABORTED) => {}
            Err(_) if stopped() => return None,
            Err(error) => return Some(Err(error)),
        }
    }
}

/// Who is at the other end, for messages.
struct Who<'a>(&'a str);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
