//! Who is on this host: one file per participant, locked for as long as its process lives.
//!
//! The kernel drops the lock when a process dies, `kill -9` included, so "is it alive" is "is it
//! locked". The file also holds the participant's wake-up words and the list of its endpoints, so a
//! writer finds readers without asking anybody. What has no fixed length lies apart, in an annex of
//! each slot: a file is sparse, so that what is never written takes no memory.

mod annex;
mod lane;
mod layout;
mod own;
mod peer;
mod peers;
mod terms;

pub(crate) use annex::Names;
pub use annex::{ANNOUNCED_MAX, announced_len};
pub(crate) use lane::{EndpointKind, Lane};
pub(crate) use layout::Entry;
pub(crate) use own::{OwnPresence, SlotGuard};
pub(crate) use peer::Peer;
pub(crate) use peers::Peers;
pub(crate) use terms::Terms;
