use crate::policy::*;
use crate::{Duration, Qos};

/// A QoS under construction. What an enum of [`Qos`] can carry only in one variant stands beside it, so
/// that a base's depth outlives a KEEP_ALL in between.
pub(crate) struct Draft {
    pub(super) qos: Qos,
    pub(super) max_blocking_time: Duration,
    pub(super) depth: u32,
    pub(super) service_depth: u32,
    properties: Vec<(String, String)>,
}

impl Draft {
    pub(crate) fn new(qos: Qos) -> Self {
        let max_blocking_time = match qos.reliability {
            Reliability::Reliable { max_blocking_time } => max_blocking_time,
            Reliability::BestEffort => Reliability::DEFAULT_MAX_BLOCKING_TIME,
        };
        let depth = qos.history.depth().unwrap_or(1);
        let service_depth = qos.durability_service.history.depth().unwrap_or(1);
        Self { qos, max_blocking_time, depth, service_depth, properties: Vec::new() }
    }

    /// A participant's, by name.
    pub(crate) fn into_properties(self) -> Vec<(String, String)> {
        self.properties
    }

    /// Properties of a base stay, unless they are said anew.
    pub(super) fn put_properties(&mut self, properties: &[(String, String)]) {
        self.properties.retain(|(known, _)| properties.iter().all(|(name, _)| name != known));
        self.properties.extend_from_slice(properties);
    }

    pub(crate) fn finish(mut self) -> Qos {
        if self.qos.reliability.is_reliable() {
            self.qos.reliability =
                Reliability::Reliable { max_blocking_time: self.max_blocking_time };
        }
        for (history, depth) in [
            (&mut self.qos.history, self.depth),
            (&mut self.qos.durability_service.history, self.service_depth),
        ] {
            if *history != History::KeepAll {
                *history = History::KeepLast(depth);
            }
        }
        self.qos
    }
}
