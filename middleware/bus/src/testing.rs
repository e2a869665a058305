//! Domains for tests that run at the same time.
//!
//! ```
//! use tidewire_bus::testing::{Domain, free_domain};
//!
//! assert_ne!(free_domain(), free_domain());
//! let numbers: Vec<u16> = (0..500).map(|_| Ok(Domain::borrow()?.id())).collect::<std::io::Result<_>>()?;
//! assert_ne!(numbers[0], numbers[1], "one that was given back rests for a while");
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// Held until the process ends, so that its domains stay its own.
static LOCKS: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A domain that nobody else uses as long as this lives.
pub struct Domain {
    id: u16,
    lock: File,
}

impl Domain {
    /// Finds a domain id that no other test of this or another process uses (by file locks in the
    /// temporary directory) and whose first unicast port is free.
    ///
    /// # Errors
    /// All domains from 20 to 229 are taken, or the temporary directory cannot be written.
    pub fn borrow() -> std::io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let dir = std::env::temp_dir().join("tidewire-test-domains");
        std::fs::create_dir_all(&dir)?;
        for _ in 0..210 {
            let step = NEXT.fetch_add(1, Ordering::Relaxed) % 210;
            let id = (20 + (std::process::id() + step * 37) % 210) as u16;
            let path = dir.join(id.to_string());
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
            let Ok(lock) = file else { continue };
            if lock.try_lock().is_err() {
                continue;
            }
            let port = 7400 + 250 * id + 10;
            if UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
                return Ok(Self { id, lock });
            }
        }
        Err(std::io::Error::other(
            "all DDS domains from 20 to 229 are taken: wait for other tests to end",
        ))
    }

    /// Its number.
    pub fn id(&self) -> u16 {
        self.id
    }
}

/// As [`Domain::borrow`], but it stays taken until this process ends.
///
/// # Panics
/// Where that is an error: a test has nothing else to do then.
pub fn free_domain() -> u16 {
    let Domain { id, lock } = Domain::borrow().unwrap_or_else(|error| panic!("{error}"));
    LOCKS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(lock);
    id
}
