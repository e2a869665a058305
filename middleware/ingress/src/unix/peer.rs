use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

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
        let libc::ucred { uid, gid, .. } = match credentials(fd) {
            Ok(peer) => peer,
            Err(error) => return refuse(format!("the kernel does not say who this is: {error}")),
        };
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

/// Who the peer is, for messages.
pub(super) fn name(fd: BorrowedFd<'_>) -> String {
    match credentials(fd) {
        Ok(libc::ucred { pid: 0, uid, .. }) => format!("a process of user {uid}"),
        Ok(libc::ucred { pid, uid, .. }) => format!("process {pid} of user {uid}"),
        Err(_) => "a client".to_owned(),
    }
}

/// What the kernel says of the peer. The process is 0 if it is in a PID namespace that ours does not
/// see, for which rustix has no value.
fn credentials(fd: BorrowedFd<'_>) -> io::Result<libc::ucred> {
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut bytes = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: `peer` is plain numbers and holds `bytes` bytes, and the kernel writes at most as many.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &mut bytes,
        )
    };
    if result == 0 { Ok(peer) } else { Err(io::Error::last_os_error()) }
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
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    use std::process::Command;

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
        let me = format!("process {} of user {}", std::process::id(), geteuid().as_raw());
        assert_eq!(name(ours.as_fd()), me);
    }

    /// Set for the process that runs the test below inside a PID namespace.
    const INSIDE: &str = "TIDEWIRE_TEST_INSIDE";

    /// This process is the client, and the ingress one that does not see it.
    #[test]
    fn a_client_of_another_pid_namespace_may_connect() {
        if std::env::var_os(INSIDE).is_some() {
            let stdin = std::io::stdin();
            assert_eq!(name(stdin.as_fd()), format!("a process of user {}", geteuid().as_raw()));
            return Allowed::new(&IngressOptions::default()).check(stdin.as_fd()).unwrap();
        }
        let inside = |program: &str| {
            let mut command = Command::new("unshare");
            command.args(["--pid", "--fork", program]);
            command
        };
        if !inside("true").output().is_ok_and(|output| output.status.success()) {
            return eprintln!("skipped: a PID namespace takes root and the program unshare");
        }
        let test = "unix::peer::tests::a_client_of_another_pid_namespace_may_connect";
        let (theirs, _ours) = UnixStream::pair().unwrap();
        let output = inside(std::env::current_exe().unwrap().to_str().unwrap())
            .args(["--exact", test])
            .env(INSIDE, "1")
            .stdin(OwnedFd::from(theirs))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
    }
}
