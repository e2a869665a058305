//! Whether the policies of one [`Qos`] can hold together (INCONSISTENT_POLICY in DDS 1.4).
//!
//! ```
//! use tidewire_qos::{Duration, Qos};
//! let qos = Qos {
//!     deadline: Duration::from_millis(10),
//!     time_based_filter: Duration::from_millis(50),
//!     ..Qos::default_reader()
//! };
//! let found = qos.validate().unwrap_err();
//! assert!(found.to_string().contains("deadline 10ms"));
//! ```

use std::fmt;

use crate::policy::{History, Policy, ResourceLimits};
use crate::{Qos, QosError};

/// Two policies, or a policy and its own range, that cannot hold together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistency {
    pub policy: Policy,
    pub what: String,
    pub remedy: String,
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.policy, self.what, self.remedy)
    }
}

impl Qos {
    /// Refuses a QoS that contradicts itself, naming every contradiction.
    ///
    /// # Errors
    /// [`QosError::Inconsistent`].
    pub fn validate(&self) -> Result<(), QosError> {
        let problems = self.inconsistencies();
        if problems.is_empty() { Ok(()) } else { Err(QosError::Inconsistent { problems }) }
    }

    /// Everything [`Qos::validate`] would refuse.
    pub fn inconsistencies(&self) -> Vec<Inconsistency> {
        let mut found = Vec::new();
        let mut add = |policy, what: String, remedy: &str| {
            found.push(Inconsistency { policy, what, remedy: remedy.to_owned() });
        };
        check_storage(self.history, &self.resource_limits, "", &mut add);
        check_storage(
            self.durability_service.history,
            &self.durability_service.resource_limits,
            "durability_service: ",
            &mut add,
        );
        if self.deadline < self.time_based_filter {
            add(
                Policy::Deadline,
                format!(
                    "deadline {} is shorter than the time_based_filter's separation {}, so it would \
                     be missed at every sample (DDS 1.4, 2.2.3.7)",
                    self.deadline, self.time_based_filter
                ),
                "lengthen the deadline or shorten minimum_separation",
            );
        }
        if self.deadline.is_zero() {
            add(
                Policy::Deadline,
                "a deadline of zero is missed at once".to_owned(),
                "give a period above zero, or `infinite` for none",
            );
        }
        if self.liveliness.lease.is_zero() {
            add(
                Policy::Liveliness,
                "a lease of zero is lost at once".to_owned(),
                "give a lease_duration above zero, or `infinite`",
            );
        }
        if self.lifespan.is_zero() {
            add(
                Policy::Lifespan,
                "a lifespan of zero drops every sample before it arrives".to_owned(),
                "give a duration above zero, or `infinite`",
            );
        }
        for (i, representation) in self.data_representation.iter().enumerate() {
            if self.data_representation[..i].contains(representation) {
                add(
                    Policy::DataRepresentation,
                    format!("{representation} is listed twice"),
                    "list each representation once, the preferred first",
                );
            }
        }
        found
    }
}

fn check_storage(
    history: History,
    limits: &ResourceLimits,
    prefix: &str,
    add: &mut impl FnMut(Policy, String, &str),
) {
    for (name, limit) in [
        ("max_samples", limits.max_samples),
        ("max_instances", limits.max_instances),
        ("max_samples_per_instance", limits.max_samples_per_instance),
    ] {
        if limit == Some(0) {
            add(
                Policy::ResourceLimits,
                format!("{prefix}{name} is 0, which leaves room for nothing"),
                "give at least 1, or LENGTH_UNLIMITED",
            );
        }
    }
    if let (Some(all), Some(each)) = (limits.max_samples, limits.max_samples_per_instance)
        && all < each
    {
        add(
            Policy::ResourceLimits,
            format!(
                "{prefix}max_samples {all} is below max_samples_per_instance {each} (DDS 1.4, 2.2.3.19)"
            ),
            "raise max_samples or lower max_samples_per_instance",
        );
    }
    let History::KeepLast(depth) = history else { return };
    if depth == 0 {
        add(
            Policy::History,
            format!("{prefix}KEEP_LAST with depth 0 keeps nothing"),
            "give a depth of at least 1, or KEEP_ALL",
        );
    }
    for (name, limit) in [
        ("max_samples_per_instance", limits.max_samples_per_instance),
        ("max_samples", limits.max_samples),
    ] {
        if let Some(limit) = limit
            && depth > limit
        {
            add(
                Policy::History,
                format!("{prefix}depth {depth} exceeds {name} {limit} (DDS 1.4, 2.2.3.18)"),
                "lower the depth or raise the limit",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Duration, History, Policy, Qos, ResourceLimits};

    fn policies(qos: &Qos) -> Vec<Policy> {
        qos.inconsistencies().into_iter().map(|found| found.policy).collect()
    }

    #[test]
    fn defaults_and_presets_are_consistent() {
        for qos in [
            Qos::default(),
            Qos::default_reader(),
            Qos::default_writer(),
            Qos::sensor_data(),
            Qos::reliable(),
            Qos::event(),
        ] {
            assert_eq!(qos.inconsistencies(), [], "{qos}");
        }
    }

    #[test]
    fn depth_and_limits_must_fit() {
        let mut qos = Qos { history: History::KeepLast(10), ..Qos::default() };
        qos.resource_limits.max_samples_per_instance = Some(10);
        assert_eq!(policies(&qos), []);
        qos.resource_limits.max_samples_per_instance = Some(9);
        assert_eq!(policies(&qos), [Policy::History]);
        qos.resource_limits.max_samples = Some(8);
        assert_eq!(policies(&qos), [Policy::ResourceLimits, Policy::History, Policy::History]);
        qos.history = History::KeepAll;
        qos.resource_limits = ResourceLimits { max_instances: Some(0), ..Default::default() };
        assert_eq!(policies(&qos), [Policy::ResourceLimits]);
        qos.history = History::KeepLast(0);
        qos.resource_limits = ResourceLimits::UNLIMITED;
        assert_eq!(policies(&qos), [Policy::History]);
    }

    #[test]
    fn the_filter_must_let_the_deadline_be_met() {
        let ms = Duration::from_millis;
        let mut qos = Qos { deadline: ms(50), time_based_filter: ms(50), ..Qos::default() };
        assert_eq!(policies(&qos), []);
        qos.time_based_filter = ms(51);
        assert_eq!(policies(&qos), [Policy::Deadline]);
    }

    #[test]
    fn zero_spans_are_refused() {
        let mut qos =
            Qos { deadline: Duration::ZERO, lifespan: Duration::ZERO, ..Qos::default_writer() };
        qos.liveliness.lease = Duration::ZERO;
        assert_eq!(policies(&qos), [Policy::Deadline, Policy::Liveliness, Policy::Lifespan]);
    }
}
