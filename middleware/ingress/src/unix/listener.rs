use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, fchmod};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect, listen,
    socket_with,
};

use crate::{IngressError, IngressOptions};

/// Clients that may wait to be let in.
const BACKLOG: i32 = 128;

/// A listening socket; its file goes with it.
pub(crate) struct Listener {
    fd: OwnedFd,
    path: PathBuf,
    packets: bool,
    /// Device and inode of the file that is ours.
    file: Option<(u64, u64)>,
}

impl Listener {
    /// Listens at `path`, SOCK_SEQPACKET for `packets`. A socket file that nobody listens on is
    /// replaced, anything else is left as it is.
    pub fn open(
        path: &Path,
        packets: bool,
        options: &IngressOptions,
    ) -> Result<Self, IngressError> {
        let endpoint = path.display();
        let system = |what: &str| IngressError::system(endpoint.to_string(), what.to_owned());
        let mode = options.mode_bits()?;
        let kind = if packets { SocketType::SEQPACKET } else { SocketType::STREAM };
        let make = || {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            socket_with(AddressFamily::UNIX, kind, flags, None)
        };
        let fd = make().map_err(|e| system("socket")(e.into()))?;
        let address = SocketAddrUnix::new(path).map_err(|e| system("the path")(e.into()))?;
        remove_stale(path, || connect(make()?, &address))?;
        // The file is made with this mode (less the umask): nobody gets in before the chmod below.
        fchmod(&fd, Mode::from_raw_mode(mode)).map_err(|e| system("fchmod")(e.into()))?;
        let folder = "bind; does the folder exist, and may we write to it?";
        bind(&fd, &address).map_err(|e| system(folder)(e.into()))?;
        let mut listener = Self { fd, path: path.to_owned(), packets, file: None };
        let made = fs::symlink_metadata(path).map_err(system("stat"))?;
        listener.file = Some((made.dev(), made.ino()));
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(system("chmod"))?;
        listen(&listener.fd, BACKLOG).map_err(|e| system("listen")(e.into()))?;
        Ok(listener)
    }

    pub fn packets(&self) -> bool {
        self.packets
    }

    /// The next client, if one waits.
    pub fn accept(&self) -> rustix::io::Result<OwnedFd> {
        accept_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Somebody may have put another file there.
        let now = fs::symlink_metadata(&self.path).map(|m| (m.dev(), m.ino())).ok();
        if self.file.is_some() && now == self.file {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes way: nothing there is fine, a socket without a listener is removed.
fn remove_stale(
    path: &Path,
    connect: impl Fn() -> rustix::io::Result<()>,
) -> Result<(), IngressError> {
    let occupied = |what: String| Err(IngressError::Path { path: path.to_owned(), what });
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return occupied(error.to_string()),
        Ok(there) if !there.file_type().is_socket() => {
            return occupied(
                "a file that is no socket is there; remove it or choose another path".into(),
            );
        }
        Ok(_) => {}
    }
    match connect() {
        // Nobody listens, or what listens speaks another type: only the first is stale.
        Err(rustix::io::Errno::CONNREFUSED) => match fs::remove_file(path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => {
                occupied(format!("a stale socket is there and cannot be removed: {error}"))
            }
        },
        Ok(()) | Err(rustix::io::Errno::PROTOTYPE | rustix::io::Errno::AGAIN) => {
            occupied("another program listens there; stop it or choose another path".into())
        }
        Err(error) => occupied(format!("a socket is there that cannot be tried: {error}")),
    }
}
