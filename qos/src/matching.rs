//! Whether what a writer offers is what a reader asks for, and if not, why (DDS 1.4, 2.2.3, RxO).
//!
//! ```
//! use tidewire_qos::{Qos, matching::check};
//! let found = check(&Qos::sensor_data(), &Qos::event());
//! assert_eq!(found.len(), 2);
//! assert_eq!(
//!     found[0].to_string(),
//!     "RELIABILITY: offered BEST_EFFORT, requested RELIABLE; \
//!      write RELIABLE, or read BEST_EFFORT where a lost sample does no harm"
//! );
//! ```

use std::fmt;

use serde::Serialize;

use crate::fnmatch::{fnmatch, has_wildcard};
use crate::policy::{Ownership, Policy};
use crate::{Duration, Qos};

/// One policy that keeps a writer and a reader apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    pub policy: Policy,
    /// What the writer has.
    pub offered: String,
    /// What the reader wants.
    pub requested: String,
    /// What to change so that this policy matches.
    pub remedy: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, offered, requested, remedy } = self;
        write!(f, "{policy}: offered {offered}, requested {requested}; {remedy}")
    }
}

/// Every policy that keeps a writer with `offered` from matching a reader with `requested`; empty if
/// they match.
pub fn check(offered: &Qos, requested: &Qos) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let mut add = |policy, offered: String, requested: String, remedy: String| {
        found.push(Mismatch { policy, offered, requested, remedy });
    };
    if requested.reliability.is_reliable() && !offered.reliability.is_reliable() {
        add(
            Policy::Reliability,
            offered.reliability.to_string(),
            requested.reliability.to_string(),
            "write RELIABLE, or read BEST_EFFORT where a lost sample does no harm".to_owned(),
        );
    }
    if offered.durability < requested.durability {
        add(
            Policy::Durability,
            offered.durability.to_string(),
            requested.durability.to_string(),
            format!(
                "write {} or stronger, or read {} and do without older samples",
                requested.durability, offered.durability
            ),
        );
    }
    let mut at_most = |policy, what: &str, offered: Duration, requested: Duration| {
        if offered > requested {
            add(
                policy,
                offered.to_string(),
                requested.to_string(),
                format!("offer a {what} of at most {requested}, or request {offered} or more"),
            );
        }
    };
    at_most(Policy::Deadline, "period", offered.deadline, requested.deadline);
    at_most(Policy::LatencyBudget, "duration", offered.latency_budget, requested.latency_budget);
    check_liveliness(offered, requested, &mut add);
    if offered.ownership != requested.ownership {
        let remedy = match offered.ownership {
            Ownership::Shared => "read SHARED, or write EXCLUSIVE with an ownership_strength",
            Ownership::Exclusive => "read EXCLUSIVE too: both sides must say the same",
        };
        add(
            Policy::Ownership,
            offered.ownership.to_string(),
            requested.ownership.to_string(),
            remedy.to_owned(),
        );
    }
    if offered.destination_order < requested.destination_order {
        add(
            Policy::DestinationOrder,
            offered.destination_order.to_string(),
            requested.destination_order.to_string(),
            format!("write {}, or read {}", requested.destination_order, offered.destination_order),
        );
    }
    check_presentation(offered, requested, &mut add);
    if let Some(&first) = offered.representations().first()
        && !requested.representations().contains(&first)
    {
        let accepted = list(requested.representations());
        add(
            Policy::DataRepresentation,
            first.to_string(),
            accepted.clone(),
            format!("put {accepted} first on the writer, or let the reader accept {first} too"),
        );
    }
    if !partitions_match(&offered.partition, &requested.partition) {
        add(
            Policy::Partition,
            partition_text(&offered.partition),
            partition_text(&requested.partition),
            "give both sides one partition name in common, or a pattern on one of them that matches \
             a plain name of the other (two patterns never match)"
                .to_owned(),
        );
    }
    found
}

/// Hints for a match whose types might still be refused: type consistency is the reader's alone to
/// enforce and not matched as request and offer (DDS-XTypes 1.3, 7.6.3.4).
pub fn type_hints(requested: &Qos) -> Vec<String> {
    use crate::policy::TypeConsistencyKind;
    let consistency = &requested.type_consistency;
    let mut hints = Vec::new();
    if consistency.kind == TypeConsistencyKind::DisallowTypeCoercion {
        hints.push(
            "the reader has DISALLOW_TYPE_COERCION: the writer's type must equal its own exactly"
                .to_owned(),
        );
    }
    if consistency.force_type_validation {
        hints.push(
            "the reader has force_type_validation: a writer that sends no type information is \
             refused"
                .to_owned(),
        );
    }
    if consistency.prevent_type_widening {
        hints.push(
            "the reader has prevent_type_widening: the writer's type must have every member of \
             its own"
                .to_owned(),
        );
    }
    hints
}

type Add<'a> = &'a mut dyn FnMut(Policy, String, String, String);

fn check_liveliness(offered: &Qos, requested: &Qos, add: Add<'_>) {
    let (ours, theirs) = (offered.liveliness, requested.liveliness);
    let mut remedies = Vec::new();
    if ours.kind < theirs.kind {
        remedies.push(format!("write {} or stronger, or read {}", theirs.kind, ours.kind));
    }
    if ours.lease > theirs.lease {
        remedies.push(format!(
            "offer a lease of at most {}, or request {} or more",
            theirs.lease, ours.lease
        ));
    }
    if !remedies.is_empty() {
        add(Policy::Liveliness, ours.to_string(), theirs.to_string(), remedies.join("; "));
    }
}

fn check_presentation(offered: &Qos, requested: &Qos, add: Add<'_>) {
    let (ours, theirs) = (offered.presentation, requested.presentation);
    let mut remedies = Vec::new();
    if ours.access_scope < theirs.access_scope {
        remedies.push(format!(
            "write with access_scope {} or wider, or read with {}",
            theirs.access_scope, ours.access_scope
        ));
    }
    for (name, ours, theirs) in [
        ("coherent_access", ours.coherent_access, theirs.coherent_access),
        ("ordered_access", ours.ordered_access, theirs.ordered_access),
    ] {
        if theirs && !ours {
            remedies.push(format!("set {name} on the writer, or clear it on the reader"));
        }
    }
    if !remedies.is_empty() {
        add(Policy::Presentation, ours.to_string(), theirs.to_string(), remedies.join("; "));
    }
}

/// Whether two partition lists have a name in common (DDS 1.4, 2.2.3.13): names with wildcards are
/// `fnmatch` patterns, a pattern matches plain names only, and an empty list is the one name `""`.
pub fn partitions_match(offered: &[String], requested: &[String]) -> bool {
    fn names(list: &[String]) -> Vec<&str> {
        if list.is_empty() { vec![""] } else { list.iter().map(String::as_str).collect() }
    }
    let requested = names(requested);
    names(offered).into_iter().any(|ours| {
        requested.iter().any(|theirs| match (has_wildcard(ours), has_wildcard(theirs)) {
            (false, false) => ours == *theirs,
            (true, false) => fnmatch(ours, theirs),
            (false, true) => fnmatch(theirs, ours),
            (true, true) => false,
        })
    })
}

fn partition_text(partition: &[String]) -> String {
    if partition.iter().all(String::is_empty) {
        "the default partition".to_owned()
    } else {
        partition.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}
