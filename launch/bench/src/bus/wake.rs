//! What waking costs: a bare futex, and iceoryx2's event beside its samples.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::prelude::*;

use super::WAIT;
use super::iceoryx::Raw;
use crate::BenchError;
use crate::contender::{Contender, Endpoint, Role};

/// Two words in a shared file: the least a wake-up between two processes can be. Nothing is carried.
pub struct Futex {
    /// Tells runs apart.
    pub run: u32,
}

const PAGE: usize = 4096;

struct Words {
    page: NonNull<u8>,
    path: PathBuf,
    role: Role,
    seen: u32,
}

impl Contender for Futex {
    fn endpoint(&self, role: Role) -> Result<Box<dyn Endpoint + '_>, BenchError> {
        let fail = BenchError::of("bus");
        let path = PathBuf::from(format!("/dev/shm/tidewire-bench-{}", self.run));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| fail(&e))?;
        file.set_len(PAGE as u64).map_err(|e| fail(&e))?;
        // SAFETY: a new mapping of a file that is as long, at an address the kernel chooses.
        let page = unsafe {
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(
                std::ptr::null_mut(),
                PAGE,
                protection,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        let page = (page != libc::MAP_FAILED).then_some(page.cast()).and_then(NonNull::new);
        let page = page.ok_or_else(|| fail(&std::io::Error::last_os_error()))?;
        Ok(Box::new(Words { page, path, role, seen: 0 }))
    }
}

impl Words {
    /// The word that `role` writes, on a cache line of its own.
    fn word(&self, role: Role) -> &AtomicU32 {
        let line = if role == Role::Ping { 0 } else { 64 };
        // SAFETY: within the mapping, aligned, and only ever used as an atomic.
        unsafe { AtomicU32::from_ptr(self.page.as_ptr().add(line).cast()) }
    }
}

impl Endpoint for Words {
    fn send(&mut self, _fill: u8) -> Result<(), BenchError> {
        let word = self.word(self.role);
        word.fetch_add(1, Ordering::SeqCst);
        // SAFETY: a wake-up on a mapped word; it touches nothing else.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
        Ok(())
    }

    fn poll(&mut self) -> Result<Option<u64>, BenchError> {
        let word = self.word(if self.role == Role::Ping { Role::Pong } else { Role::Ping });
        if word.load(Ordering::SeqCst) == self.seen {
            let limit = libc::timespec { tv_sec: 0, tv_nsec: WAIT.as_nanos() as libc::c_long };
            // SAFETY: a wait on a mapped word, with a time that lives until it returns.
            unsafe {
                let address = word.as_ptr();
                libc::syscall(
                    libc::SYS_futex,
                    address,
                    libc::FUTEX_WAIT,
                    self.seen,
                    &raw const limit,
                )
            };
        }
        let now = word.load(Ordering::SeqCst);
        let came = now != self.seen;
        self.seen = now;
        Ok(came.then_some(0))
    }

    fn connected(&mut self) -> bool {
        true
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `endpoint`, which nothing refers to any more.
        unsafe { libc::munmap(self.page.as_ptr().cast(), PAGE) };
        let _ = std::fs::remove_file(&self.path);
    }
}

/// iceoryx2's samples with its event service to wake their reader.
pub struct Events {
    /// Tells runs apart.
    pub run: u32,
}

struct Woken {
    samples: Box<dyn Endpoint>,
    notifier: Notifier<ipc::Service>,
    listener: Listener<ipc::Service>,
    _node: Node<ipc::Service>,
}

impl Contender for Events {
    fn endpoint(&self, role: Role) -> Result<Box<dyn Endpoint + '_>, BenchError> {
        let fail = BenchError::of("bus");
        let samples = Raw::<64>(self.run).end(role)?;
        let node = NodeBuilder::new()
            .signal_handling_mode(SignalHandlingMode::Disabled)
            .create::<ipc::Service>()
            .map_err(|e| fail(&e))?;
        let service = |way: &str| {
            let name = format!("tidewire-bench/{}/event/{way}", self.run);
            node.service_builder(&name.as_str().try_into().map_err(|e| fail(&e))?)
                .event()
                .open_or_create()
                .map_err(|e| fail(&e))
        };
        let (out, back) = match role {
            Role::Ping => ("ping", "pong"),
            Role::Pong => ("pong", "ping"),
        };
        let notifier = service(out)?.notifier_builder().create().map_err(|e| fail(&e))?;
        let listener = service(back)?.listener_builder().create().map_err(|e| fail(&e))?;
        Ok(Box::new(Woken { samples, notifier, listener, _node: node }))
    }
}

impl Endpoint for Woken {
    fn send(&mut self, fill: u8) -> Result<(), BenchError> {
        self.samples.send(fill)?;
        self.notifier.notify().map(drop).map_err(|e| BenchError::of("bus")(&e))
    }

    fn poll(&mut self) -> Result<Option<u64>, BenchError> {
        if let Some(sum) = self.samples.poll()? {
            return Ok(Some(sum));
        }
        self.listener.timed_wait(|_| {}, WAIT).map_err(|e| BenchError::of("bus")(&e))?;
        self.samples.poll()
    }

    fn connected(&mut self) -> bool {
        self.samples.connected()
    }
}
