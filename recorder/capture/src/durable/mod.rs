//! The recorder as durability service (DDS 1.4, 2.2.3.4 and 2.2.3.5): readers that come late get what
//! writers of TRANSIENT and PERSISTENT topics have left, the latter also after the service itself
//! was gone.
//!
//! `kept` is what the service keeps of one topic, `restore` reads PERSISTENT topics from the
//! recording, `serve` is the thread that answers readers.

mod kept;
mod restore;
mod serve;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tidewire_bus::{DurabilityService, Participant};
use tidewire_idl::Sample;
use tidewire_qos::{Profile, Qos};
use tidewire_store::StoreReader;

use crate::error::CaptureError;
use crate::options::DurableOptions;
use crate::stats::DurableStats;

/// What the recorder tells the service: a sample of a durable topic.
pub(crate) struct Fed {
    pub topic: Arc<DurableTopic>,
    pub sample: Sample,
    /// Whether a writer has sent it again, and it was in the recording already.
    pub again: bool,
}

/// A topic with a writer that offers TRANSIENT or PERSISTENT.
pub(crate) struct DurableTopic {
    pub name: String,
    pub type_name: String,
    /// Whether the instance of every sample is known.
    pub told_apart: bool,
    /// What the first such writer offered: stands in for writers that are gone before the service has
    /// discovered them.
    pub offered: Arc<Qos>,
}

/// The service at work; it ends when this is dropped.
pub(crate) struct Durable {
    feed: Option<Sender<Fed>>,
    thread: Option<JoinHandle<()>>,
    stats: Arc<Mutex<DurableStats>>,
}

impl Durable {
    /// Starts serving what the recording `past` holds and what is fed from now on.
    pub fn start(
        participant: &Participant,
        past: StoreReader,
        options: DurableOptions,
        profile: Option<Profile>,
    ) -> Result<Self, CaptureError> {
        // Readers that come while the past is read wait for it.
        let service = DurabilityService::new(participant).map_err(CaptureError::Durable)?;
        let (feed, fed) = channel();
        let stats = Arc::new(Mutex::default());
        let keeper = serve::Keeper::new(participant.clone(), service, options, profile, &stats);
        let thread = std::thread::Builder::new()
            .name("tidewire-durable".into())
            .spawn(move || keeper.run(&past, &fed))
            .map_err(CaptureError::Thread)?;
        Ok(Self { feed: Some(feed), thread: Some(thread), stats })
    }

    pub fn feed(&self, fed: Fed) {
        // The thread ends only after the sender.
        if let Some(feed) = &self.feed {
            let _ = feed.send(fed);
        }
    }

    pub fn stats(&self) -> DurableStats {
        *self.stats.lock()
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        self.feed = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the durability service panicked");
        }
    }
}
