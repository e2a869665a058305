use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;

use crate::{IngressOptions, Reason, Reject};

/// Who may connect.
pub(super) struct Allowed {
    uids: Vec<u32>,
    gids: Vec<u32>,
}

/// The most groups a process can have (NGROUPS_MAX of Linux).
const MAX_GROUPS: usize = 65536;

impl Allowed {
    pub fn new(options: &IngressOptions) -> Self {
        let (mut uids, gids) = (options.uids.clone(), options.gids.clone());
        if uids.is_empty() && gids.is_empty() {
            uids.push(geteuid().as_raw());
        }
        Self { uids, gids }
    }

    /// Lets the peer in by what the kernel says of it (SO_PEERCRED, SO_PEERGROUPS).
    pub fn check(&self, fd: BorrowedFd<'_>) -> Result<(), Reject> {
        let refuse = |text| Err(Reject::new(Reason::Peer, text));
        let peer = match socket_peercred(fd) {
            Ok(peer) => peer,
            Err(error) => return refuse(format!("the kernel does not say who this is: {error}")),
        };
        let (uid, gid) = (peer.uid.as_raw(), peer.gid.as_raw());
        if self.uids.contains(&uid) || self.gids.contains(&gid) {
            return Ok(());
        }
        if !self.gids.is_empty() && groups(fd).iter().any(|group| self.gids.contains(group)) {
            return Ok(());
        }
        refuse(format!(
            "user {uid}, group {gid} may not connect; allowed are users {:?}, groups {:?} (uids, gids)",
            self.uids, self.gids
        ))
    }
}

/// The peer's supplementary groups; none where the kernel does not tell (before 4.13).
fn groups(fd: BorrowedFd<'_>) -> Vec<u32> {
    let mut groups = vec![0_u32; 64];
    loop {
        let mut bytes = (groups.len() * 4) as libc::socklen_t;
        // SAFETY: `groups` holds `bytes` bytes, and the kernel writes at most as many; it sets
        // `bytes` to what it wrote, or to what it would take.
        let result = unsafe {
            libc::getsockopt(
                fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &mut bytes,
            )
        };
        let count = bytes as usize / 4;
        if result == 0 {
            groups.truncate(count);
            return groups;
        }
        if count <= groups.len() || count > MAX_GROUPS {
            return Vec::new();
        }
        groups.resize(count, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn we_ourselves_may_connect_and_others_are_told_why_not() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        Allowed::new(&IngressOptions::default()).check(ours.as_fd()).unwrap();
        let stranger = Allowed { uids: vec![54_321], gids: vec![54_321] };
        let reject = stranger.check(ours.as_fd()).unwrap_err();
        assert!(
            reject.text.contains("may not connect") && reject.text.contains("54321"),
            "{reject}"
        );
        let group = rustix::process::getegid().as_raw();
        Allowed { uids: vec![], gids: vec![group] }.check(ours.as_fd()).unwrap();
    }
}
