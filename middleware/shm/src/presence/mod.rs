//! Who is on this host: one file per participant, locked for as long as its process lives.
//!
//! The kernel drops the lock when a process dies, `kill -9` included, so "is it alive" is "is it
//! locked". The file also holds the participant's wake-up words and the list of its endpoints, so a
//! writer finds readers without asking anybody.

mod layout;
mod own;
mod peer;
mod peers;
mod terms;

pub(crate) use layout::{EndpointKind, Entry, Lane, Slot};
pub(crate) use own::{OwnPresence, SlotGuard};
pub(crate) use peer::Peer;
pub(crate) use peers::Peers;
pub(crate) use terms::Terms;
