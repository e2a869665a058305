//! Content-filtered topics (DDS 1.4, 2.2.2.3.3): a reader that gets part of a topic.
//!
//! ```
//! use std::time::Duration;
//! use tidewire_bus::Participant;
//! use tidewire_qos::Qos;
//! use tidewire_types::sensor::Temperature;
//!
//! let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
//! let hot = bus.reader_filtered::<Temperature>(
//!     "temperature", &Qos::reliable(), "celsius > %0", &["80"])?;
//! let writer = bus.writer::<Temperature>("temperature", &Qos::reliable())?;
//! writer.wait_for_readers(1, Duration::from_secs(10))?;
//! for celsius in [79.0, 81.0] {
//!     writer.write(&Temperature { point: "pump1".into(), celsius })?;
//! }
//! let sample = hot.recv_timeout(Duration::from_secs(10))?.expect("just written");
//! assert_eq!((sample.data.celsius, hot.filtered(), hot.lost()), (81.0, 1, 0));
//! hot.set_expression_parameters(&["70"])?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use parking_lot::RwLock;
use tidewire_filter::{Filter, FilterError};
use tidewire_idl::InstanceState;
use tidewire_transport::Counter;

/// A reader's filter, whose parameters may change while samples come.
pub(crate) struct Content {
    filter: RwLock<Filter>,
    kept_back: Counter,
}

impl Content {
    pub fn new(filter: Filter) -> Self {
        Self { filter: RwLock::new(filter), kept_back: Counter::default() }
    }

    /// Whether a sample passes. What cannot be read passes: whoever decodes it says what is wrong.
    /// The end of an instance is kept back only if its key alone tells that no sample of it passes.
    pub fn pass(&self, state: InstanceState, payload: &[u8]) -> bool {
        let filter = self.filter.read();
        let passes = match state {
            InstanceState::Alive => filter.matches(payload).unwrap_or(true),
            _ => filter.matches_key(payload).ok().flatten().unwrap_or(true),
        };
        drop(filter);
        if !passes {
            self.kept_back.add(1);
        }
        passes
    }

    pub fn filter(&self) -> Filter {
        self.filter.read().clone()
    }

    pub fn set_parameters(&self, parameters: &[&str]) -> Result<(), FilterError> {
        self.filter.write().set_parameters(parameters)
    }

    /// Samples that did not pass.
    pub fn kept_back(&self) -> u64 {
        self.kept_back.get()
    }
}
