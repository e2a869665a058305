//! Clearing up after processes that were killed.
//!
//! iceoryx2 frees a dead subscriber's place only when somebody asks it to; until then a writer that
//! waits for that subscriber waits in vain. Every participant runs a janitor that looks for released
//! presence locks, and at once when a writer of ours starts to wait.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use iceoryx2::config::Config;
use iceoryx2::prelude::{CallbackProgression, Node, NodeState, SemanticString};

use crate::deaths::Deaths;
use crate::error::ShmError;
use crate::linger::Lingering;
use crate::presence::Peers;
use crate::service::Ipc;
use crate::unborn;

/// Between two looks for what iceoryx2 would wait for in vain.
const CLEANING: Duration = Duration::from_millis(2);

enum Order {
    Look,
    Stop,
}

/// The thread, stopped and joined on drop.
pub(crate) struct Janitor {
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

/// Asks the janitor to look now.
#[derive(Clone)]
pub(crate) struct Bell(Sender<Order>);

impl Bell {
    /// Nobody hears it.
    #[cfg(test)]
    pub(crate) fn silent() -> Self {
        Self(crossbeam_channel::bounded(1).0)
    }

    pub(crate) fn ring(&self) {
        // A full channel means that a look is due already.
        let _ = self.0.try_send(Order::Look);
    }
}

impl Janitor {
    pub(crate) fn start(
        peers: Arc<Peers>,
        lingering: Lingering,
        deaths: Deaths,
        config: Config,
        period: Duration,
    ) -> Result<Self, ShmError> {
        let (orders, inbox) = crossbeam_channel::bounded(1);
        let thread = std::thread::Builder::new()
            .name("tidewire-shm".into())
            .spawn(move || run(&peers, &lingering, &deaths, &config, period, &inbox))
            .map_err(|e| ShmError::io("start the janitor thread of", "tidewire-shm", e))?;
        Ok(Self { orders, thread: Some(thread) })
    }

    pub(crate) fn bell(&self) -> Bell {
        Bell(self.orders.clone())
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        // Blocks for at most one look if the bell rang just before.
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    peers: &Peers,
    lingering: &Lingering,
    deaths: &Deaths,
    config: &Config,
    period: Duration,
    inbox: &Receiver<Order>,
) {
    // A death may come between the lock's release and iceoryx2 noticing: look once more after it.
    let mut again = false;
    loop {
        match inbox.recv_timeout(period) {
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Order::Look) | Err(RecvTimeoutError::Timeout) => {
                let died = peers.reap();
                if died.is_some() || again {
                    clean_nodes(config);
                }
                again = died.is_some();
                deaths.tell(died.unwrap_or_default());
                lingering.sweep();
            }
        }
    }
}

/// Frees what dead iceoryx2 nodes hold. Several processes may do so at once.
pub(crate) fn clean_nodes(config: &Config) {
    let place = Path::new("/dev/shm");
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("tidewire-clean".into());
        let Ok(cleaning) = thread.spawn_scoped(scope, || clean_dead(config)) else {
            unborn::grow(place, config.global.prefix.as_bytes());
            clean_dead(config);
            return;
        };
        // Again and again, as another process may be killed meanwhile.
        while !cleaning.is_finished() {
            unborn::grow(place, config.global.prefix.as_bytes());
            std::thread::sleep(CLEANING);
        }
    });
}

fn clean_dead(config: &Config) {
    let listed = Node::<Ipc>::list(config, |state| {
        if let NodeState::Dead(node) = state
            && let Err(error) = node.try_remove_stale_resources()
        {
            tracing::debug!(?error, "a killed process is not cleaned up yet");
        }
        CallbackProgression::Continue
    });
    if let Err(error) = listed {
        tracing::debug!(?error, "cannot list iceoryx2 nodes");
    }
}
