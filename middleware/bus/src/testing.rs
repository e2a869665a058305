//! Domains for tests that run at the same time.
//!
//! ```
//! use tidewire_bus::testing::free_domain;
//!
//! assert_ne!(free_domain(), free_domain());
//! ```

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Mutex;

/// Held until the process ends, so that its domains stay its own.
static LOCKS: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Finds a domain id that no other test of this or another process uses (by file locks in the
/// temporary directory) and whose first unicast port is free. It stays taken until this process ends.
///
/// # Panics
/// If all domains from 20 to 229 are taken, or the temporary directory cannot be written.
pub fn free_domain() -> u16 {
    let dir = std::env::temp_dir().join("tidewire-test-domains");
    std::fs::create_dir_all(&dir).expect("the temporary directory can be written");
    let start = (std::process::id() % 210) as u16;
    for step in 0..210u16 {
        let domain = 20 + (start + step * 37) % 210;
        let path = dir.join(domain.to_string());
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
        let Ok(lock) = file else { continue };
        if lock.try_lock().is_err() {
            continue;
        }
        let port = 7400 + 250 * domain + 10;
        if UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            LOCKS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(lock);
            return domain;
        }
    }
    panic!("all DDS domains are taken by other tests");
}
