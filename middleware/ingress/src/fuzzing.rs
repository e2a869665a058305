//! Every way in with no bus behind it, for `tests/fuzz` alone: no part of the interface.

use std::cell::RefCell;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, recv, send, shutdown,
    socketpair,
};
use tidewire_idl::TypeRegistry;

use crate::frame::Frame;
use crate::intake::Intake;
use crate::line::LineMap;
use crate::rate::Rate;
use crate::stats::EndpointStats;
use crate::udp::{self, Datagram};
use crate::unix::Connection;
use crate::{EndpointReport, Format, IngressError, IngressOptions, Reject};

pub use crate::udp::ethernet;

/// Takes what a frame or line says, as the bus would.
pub type Write<'a> = crate::intake::Write<'a>;

/// An ingress whose samples go to whoever calls it.
pub struct Ingress {
    options: IngressOptions,
    types: TypeRegistry,
}

impl Ingress {
    pub fn new(options: IngressOptions, types: TypeRegistry) -> Self {
        Self { options, types }
    }

    /// A client of a Unix socket that sends `parts`, each once the one before has been read, and
    /// hangs up; what it was told.
    ///
    /// # Errors
    /// Options that make no sense, or the system has no sockets.
    pub fn connection(
        &self,
        format: Format,
        packets: bool,
        parts: &[Vec<u8>],
        write: Write<'_>,
    ) -> Result<Vec<u8>, IngressError> {
        let kind = if packets { SocketType::SEQPACKET } else { SocketType::STREAM };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, kind, flags, None)
            .map_err(|e| IngressError::system("fuzz", "socketpair")(e.into()))?;
        let (parts, replies) = (RefCell::new(parts.iter()), RefCell::new(Vec::new()));
        let hear = || {
            let (mut buffer, mut replies) = ([0; 4096], replies.borrow_mut());
            while let Ok((1.., count)) = recv(&theirs, &mut buffer[..], RecvFlags::DONTWAIT) {
                replies.extend_from_slice(&buffer[..count]);
            }
        };
        // Asked before each read, so that no other thread need write.
        let stopped = || {
            hear();
            match parts.borrow_mut().next() {
                Some(part) => {
                    let sent = send(&theirs, part, SendFlags::NOSIGNAL);
                    assert_eq!(sent, Ok(part.len()), "a part fits the socket's buffer");
                }
                None => match shutdown(&theirs, Shutdown::Write) {
                    Ok(()) | Err(Errno::NOTCONN) => {}
                    Err(error) => panic!("shutdown: {error}"),
                },
            }
            false
        };
        let intake = self.intake(write)?;
        let connection = Connection::new(ours, packets, format, &self.options);
        connection.serve(&intake, &EndpointStats::default(), &stopped);
        hear();
        Ok(replies.into_inner())
    }

    /// One datagram, however it came; what was counted.
    ///
    /// # Errors
    /// Options that make no sense.
    pub fn datagram(
        &self,
        format: Format,
        datagram: Datagram<'_>,
        write: Write<'_>,
    ) -> Result<EndpointReport, IngressError> {
        let (intake, stats) = (self.intake(write)?, EndpointStats::default());
        let sources = self.options.networks()?;
        let (options, sources) = (&self.options, &sources[..]);
        let job = udp::Job { format, options, sources, intake: &intake, stats: &stats };
        job.take(datagram, &mut Rate::new(0.0));
        Ok(stats.report())
    }

    fn intake<'a>(&self, write: Write<'a>) -> Result<Intake<'a>, IngressError> {
        Ok(Intake { write, lines: LineMap::new(&self.options, &self.types)? })
    }
}

/// A refusal as the bus might give one.
pub fn refuse(frame: &Frame<'_>) -> Reject {
    Reject::new(crate::Reason::Topic, format!("topic `{}` may not be written here", frame.topic))
}
