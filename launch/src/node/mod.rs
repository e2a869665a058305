//! One node in a process: runs a built-in kind until it is told to stop, and reports what it counts.
//!
//! The same code serves a node under `tidewire up` (reports to the launcher's socket) and a
//! subcommand in a terminal (reports on a progress line).

pub mod child;
pub mod detect;
pub mod ingress;
pub mod kinds;
pub mod link;
pub mod record;
pub mod replay;
pub mod schema;
pub mod view;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::up::control::Report;

/// Asks a node to stop, from any thread or signal.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A flag that SIGINT, SIGTERM and SIGHUP set.
    pub fn on_signals() -> anyhow::Result<Self> {
        let stop = Self::default();
        for signal in
            [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP]
        {
            signal_hook::flag::register(signal, stop.0.clone())?;
        }
        Ok(stop)
    }

    /// Like [`Stop::on_signals`], and a second signal ends the process at once: the way out, for
    /// someone at the keyboard, of a node that hangs.
    pub fn at_keyboard() -> anyhow::Result<Self> {
        let stop = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // In this order: the first signal finds the flag unset.
            signal_hook::flag::register_conditional_shutdown(signal, 130, stop.0.clone())?;
            signal_hook::flag::register(signal, stop.0.clone())?;
        }
        Ok(stop)
    }

    /// Stops.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was asked to stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// The flag, for libraries that take one.
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Sleeps until asked to stop or until `done` says so.
    pub fn wait_or(&self, mut done: impl FnMut() -> bool) {
        while !self.is_set() && !done() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

type Source = Box<dyn Fn() -> Report + Send + Sync>;

/// Where a node leaves the way to its counts, and others ask for them.
#[derive(Clone, Default)]
pub struct Counts(Arc<Mutex<Option<Source>>>);

impl Counts {
    /// The node says how its counts are read from now on.
    pub fn provide(&self, source: impl Fn() -> Report + Send + Sync + 'static) {
        *self.0.lock() = Some(Box::new(source));
    }

    /// The counts now; empty before the node has any.
    pub fn get(&self) -> Report {
        self.0.lock().as_ref().map(|source| source()).unwrap_or_default()
    }
}
