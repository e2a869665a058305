//! Communication statuses (DDS 1.4, 2.2.4.1): what has become of a reader's or writer's dealings with
//! others.
//!
//! Each status is read by a method of its endpoint, which resets its `*_change` parts;
//! `status_changes` tells which have something new, without resetting anything. To wait for them:
//! [`WaitSet`](crate::WaitSet), or `status_stream` in async code.
//!
//! ```
//! use std::time::Duration;
//! use tidewire_bus::{Participant, RawTopic, StatusMask};
//! use tidewire_qos::Qos;
//!
//! let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
//! let topic = RawTopic::new("log", "Line", false);
//! let reader = bus.raw_reader(&topic, &Qos::reliable())?;
//! let writer = bus.raw_writer(&topic, &Qos::reliable())?;
//! reader.wait_for_writers(1, Duration::from_secs(10))?;
//! assert!(reader.status_changes().contains(StatusMask::SUBSCRIPTION_MATCHED));
//! let matched = reader.subscription_matched();
//! assert_eq!((matched.total, matched.total_change, matched.last), (1, 1, Some(writer.guid())));
//! assert_eq!(reader.subscription_matched().total_change, 0, "read before");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod book;
mod counts;
mod endpoint;
mod mask;

pub use counts::{IncompatibleQos, Matched, RejectedReason, SampleLost, SampleRejected};
pub(crate) use endpoint::Statuses;
pub use mask::StatusMask;
