//! The sockets a participant listens on. RustDDS hands out none, so they are found among ours.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddrV4;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketType, sockopt};

use super::assembler::Instruction;

/// Ports of a domain (RTPS 2.5, 9.6.2.3).
const FIRST_PORT: u32 = 7400;
const PORTS: u32 = 250;

/// Handles of our own on another's sockets: while one is kept, its number is not used again. They
/// are closed with the participant, so that its ports are free.
pub(crate) struct Sockets(Vec<OwnedFd>);

impl Sockets {
    /// Runs `start` and finds the sockets it listens on. Callers serialise themselves.
    pub fn of<R>(domain: u16, start: impl FnOnce() -> R) -> (R, Self) {
        let before = open();
        let result = start();
        let new = open().into_iter().filter(|(name, _)| !before.contains_key(name));
        let listens = |socket: &OwnedFd| listens(socket, domain).unwrap_or(false);
        (result, Self(new.filter_map(|(name, fd)| handle(&name, fd)).filter(listens).collect()))
    }

    /// Gives all of them this filter in place of the one they have.
    pub(super) fn attach(&self, program: &[Instruction]) -> io::Result<()> {
        if self.0.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no socket of RustDDS was found"));
        }
        let mut lines: Vec<libc::sock_filter> = program
            .iter()
            .map(|i| libc::sock_filter { code: i.code, jt: i.if_true, jf: i.if_false, k: i.k })
            .collect();
        let program =
            libc::sock_fprog { len: lines.len() as libc::c_ushort, filter: lines.as_mut_ptr() };
        self.0.iter().try_for_each(|socket| {
            // SAFETY: `program` says where `lines` are and how many, and they outlive the call.
            unsafe { set(socket, libc::SO_ATTACH_FILTER, &program) }
        })
    }

    /// Leaves them without a filter.
    pub(super) fn detach(&self) {
        for socket in &self.0 {
            // SAFETY: the option takes a number and does not look at it.
            // That fails where there is no filter, which is what is wanted.
            let _ = unsafe { set(socket, libc::SO_DETACH_FILTER, &0) };
        }
    }
}

#[cfg(test)]
impl From<OwnedFd> for Sockets {
    fn from(socket: OwnedFd) -> Self {
        Self(vec![socket])
    }
}

/// What a number refers to: `socket:[inode]` for a socket.
fn name(fd: RawFd) -> Option<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{fd}")).ok()
}

/// The sockets of this process by name, as numbers are used again; none where there is no `/proc`.
fn open() -> BTreeMap<PathBuf, RawFd> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let fds = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    fds.filter_map(|fd| Some((name(fd)?, fd)))
        .filter(|(name, _)| name.to_string_lossy().starts_with("socket:"))
        .collect()
}

/// A handle on the socket of this name, if the number still refers to it.
fn handle(socket: &Path, fd: RawFd) -> Option<OwnedFd> {
    // SAFETY: the number was open a moment ago and is only handed to the kernel, once. If it has
    // been closed since, the call fails; if it has been used again, the name tells.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    let copy = rustix::io::fcntl_dupfd_cloexec(borrowed, 0).ok()?;
    (name(copy.as_raw_fd())? == socket).then_some(copy)
}

/// Whether this is a listening socket of RustDDS, by its port. Where its second port is taken,
/// RustDDS takes any; but it always asks for the interface each datagram came in by.
fn listens(socket: &OwnedFd, domain: u16) -> io::Result<bool> {
    if sockopt::socket_domain(socket)? != AddressFamily::INET
        || sockopt::socket_type(socket)? != SocketType::DGRAM
    {
        return Ok(false);
    }
    let port = u32::from(SocketAddrV4::try_from(rustix::net::getsockname(socket)?)?.port());
    let first = FIRST_PORT + PORTS * u32::from(domain);
    Ok((first..first + PORTS).contains(&port) || asks_for_interface(socket)?)
}

fn asks_for_interface(socket: &OwnedFd) -> io::Result<bool> {
    let mut value: libc::c_int = 0;
    let mut size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the kernel writes at most `size` bytes to `value` and their number to `size`; both
    // outlive the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_PKTINFO,
            (&raw mut value).cast(),
            &mut size,
        )
    };
    if result == 0 { Ok(value != 0) } else { Err(io::Error::last_os_error()) }
}

/// # Safety
/// `value` is what `option` takes, and what it points to is there.
unsafe fn set<T>(socket: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the kernel reads `size_of::<T>()` bytes of `value` and, as the caller promises, what it
    // points to.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
