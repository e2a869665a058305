//! Publishers that are no longer written to, kept until readers have what they sent.
//!
//! iceoryx2 removes a publisher's memory with it; a reader that had not looked since the publisher
//! came would then lose its samples. So closing a writer, or moving to larger chunks, hands the old
//! publisher over to here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::outlet::Outlet;
use crate::routes::Routes;

/// Readers that have not looked for this long forfeit what they did not take.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Default)]
pub(crate) struct Lingering {
    list: Arc<Mutex<Vec<(Outlet, Routes, Instant)>>>,
}

impl Lingering {
    /// Keeps `outlet` until the readers in `routes` have taken everything.
    pub(crate) fn keep(&self, outlet: Outlet, routes: Routes) {
        if !routes.is_drained() {
            self.list.lock().push((outlet, routes, Instant::now()));
        }
    }

    /// Lets go of what is no longer needed; true if nothing is left.
    pub(crate) fn sweep(&self) -> bool {
        let mut list = self.list.lock();
        list.retain(|(_, routes, since)| !routes.is_drained() && since.elapsed() < PATIENCE);
        list.is_empty()
    }

    /// Waits at most `limit` for the readers, then lets go of everything.
    pub(crate) fn finish(&self, limit: Duration) {
        let start = Instant::now();
        while !self.sweep() && start.elapsed() < limit {
            std::thread::sleep(Duration::from_micros(500));
        }
        self.list.lock().clear();
    }
}
