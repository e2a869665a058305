//! Keeps off a participant's sockets what RustDDS cannot stand.
//!
//! RustDDS allocates as much as a fragment says its sample is long, up to 4 GiB, whoever sent it. It
//! lets nobody look at a datagram first, but the kernel does: a socket filter drops fragments of
//! senders that were not discovered, and fragments of samples beyond any use. What comes in the
//! milliseconds between binding a socket and attaching the filter is not looked at. Why so, and what
//! remains: `docs/decisions/0004-socket-filter.md`.

mod assembler;
mod interrupted;
#[cfg(test)]
mod machine;
mod program;
mod sockets;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::sync::Once;

use tidewire_transport::Prefix;
use tidewire_transport::dds::DdsEvent;

use self::assembler::Instruction;
pub(crate) use self::sockets::Sockets;

/// How many submessages of a message are looked at, best first. A socket has room for 20 KiB of
/// filters, old and new one together, on kernels before 6.8: too little for 57.
const DEPTHS: [usize; 4] = [57, 16, 10, 8];

/// The filter on one participant's sockets.
pub(crate) struct Guard {
    sockets: Sockets,
    own: Prefix,
    /// Whose fragments are let in.
    known: BTreeSet<Prefix>,
    attached: Option<Vec<Instruction>>,
}

impl Guard {
    /// Guards `sockets` of the participant `own`, which knows nobody but itself yet.
    pub fn new(sockets: Sockets, own: Prefix) -> Self {
        interrupted::keep();
        let mut guard = Self { sockets, own, known: BTreeSet::from([own]), attached: None };
        guard.renew();
        guard
    }

    /// Lets in the fragments of those who were found, no longer of those who were lost.
    pub fn follow(&mut self, events: &[DdsEvent]) {
        let mut changed = false;
        for event in events {
            changed |= match event {
                DdsEvent::ParticipantFound(participant) => self.known.insert(participant.prefix),
                // RustDDS drops news that nobody fetched in time, and tells of a participant once.
                DdsEvent::WriterFound(endpoint) | DdsEvent::ReaderFound(endpoint) => {
                    self.known.insert(endpoint.guid.prefix())
                }
                DdsEvent::ParticipantLost(prefix) => {
                    *prefix != self.own && self.known.remove(prefix)
                }
                _ => false,
            };
        }
        if changed {
            self.renew();
        }
    }

    /// Attaches the best filter that fits: one that knows the senders and looks deep, else less.
    fn renew(&mut self) {
        let shapes = [Some(&self.known), None]
            .into_iter()
            .flat_map(|senders| DEPTHS.map(|depth| (senders, depth)));
        let mut refusal = None;
        for (senders, depth) in shapes {
            let Some(program) = program::guard(senders, depth) else { continue };
            if self.attached.as_ref() == Some(&program) {
                return;
            }
            match self.sockets.attach(&program) {
                Ok(()) => {
                    self.attached = Some(program);
                    return;
                }
                Err(error) => {
                    self.attached = None;
                    let too_large = error.kind() == io::ErrorKind::OutOfMemory;
                    refusal = Some(error);
                    if !too_large {
                        break;
                    }
                }
            }
        }
        // The filter before this one would keep out whoever has come since.
        self.sockets.detach();
        static TOLD: Once = Once::new();
        TOLD.call_once(|| {
            tracing::warn!(
                error = refusal.map(tracing::field::display),
                "the DDS sockets could not be given a filter (SO_ATTACH_FILTER): whoever reaches \
                 them can make this process allocate gigabytes with one datagram"
            );
        });
    }
}
