//! Anomalies against the injected truth: the books of a run.
//!
//! An anomaly is a hit when it is of the fault's point and topic and its time range meets the
//! fault's (plus some grace at the end); it must not have begun long before the fault, so that an
//! alarm that never ends finds one fault and no more. An anomaly on another topic of a point that
//! is faulty at the time counts neither way: a worn bearing may well show in the motor's current.
//! Points are never adjusted: a random score would reach high figures that way.
//!
//! ```
//! use tidewire_detect::score::{Seen, match_events};
//! use tidewire_types::event::{Anomaly, FaultTruth};
//!
//! let fault = FaultTruth {
//!     point: "pump1".into(),
//!     topic: "vibration".into(),
//!     kind: "bearing".into(),
//!     id: 1,
//!     start_ns: 10_000_000_000,
//!     end_ns: 15_000_000_000,
//!     ..Default::default()
//! };
//! let hit = Anomaly {
//!     point: "pump1".into(),
//!     topic: "vibration".into(),
//!     start_ns: 10_100_000_000,
//!     end_ns: 15_200_000_000,
//!     ..Default::default()
//! };
//! let alone = Anomaly { start_ns: 40_000_000_000, end_ns: 41_000_000_000, ..hit.clone() };
//! let seen = [
//!     Seen { anomaly: hit, noticed: 10_350_000_000 },
//!     Seen { anomaly: alone, noticed: 40_000_000_000 },
//! ];
//! let books = match_events(&[fault], &seen, Default::default());
//! assert_eq!((books.injected, books.found, books.missed, books.false_alarms), (1, 1, 0, 1));
//! assert_eq!(books.delay_ms_p50, Some(350.0));
//! ```

use std::collections::BTreeMap;

use serde::Serialize;
use tidewire_types::event::{Anomaly, FaultTruth};

/// An anomaly sample and when it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The sample.
    pub anomaly: Anomaly,
    /// Its own source time (when the detector published it), ns.
    pub noticed: i64,
}

/// How generous matching is, ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// An anomaly may begin this long after a fault's end.
    pub grace: i64,
    /// An anomaly may begin this long before a fault: windows reach back.
    pub lead: i64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { grace: 2_000_000_000, lead: 1_000_000_000 }
    }
}

/// What became of each fault and each anomaly.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Books {
    /// Faults.
    pub injected: usize,
    /// Faults with an anomaly of their own.
    pub found: usize,
    /// Faults without.
    pub missed: usize,
    /// Anomalies without a fault.
    #[serde(rename = "false")]
    pub false_alarms: usize,
    /// Anomalies on a faulty point but another topic: neither right nor wrong.
    pub aside: usize,
    /// Median time from a found fault's start to its first anomaly's publication, ms.
    pub delay_ms_p50: Option<f64>,
    /// Fault by fault.
    pub faults: Vec<FaultFate>,
    /// The anomalies without a fault.
    pub unexplained: Vec<String>,
}

/// What became of a fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultFate {
    /// Its point.
    pub point: String,
    /// Its topic.
    pub topic: String,
    /// Its kind.
    pub kind: String,
    /// Its number at that point.
    pub id: u32,
    /// Time to the first anomaly, ms; `None` when it was missed.
    pub delay_ms: Option<f64>,
}

struct Event {
    point: String,
    topic: String,
    start: i64,
    end: i64,
    noticed: i64,
}

struct Fault<'a> {
    truth: &'a FaultTruth,
    end: i64,
}

impl Fault<'_> {
    fn meets(&self, event: &Event, tolerance: Tolerance) -> bool {
        self.truth.point == event.point
            && event.start <= self.end.saturating_add(tolerance.grace)
            && event.end >= self.truth.start_ns
            && event.start >= self.truth.start_ns.saturating_sub(tolerance.lead)
    }
}

/// Balances anomalies with faults. Several samples of one event (same point, topic and start) count
/// once, and so do several announcements of one fault (same point, topic, kind and id); a fault
/// without an end goes on for ever.
pub fn match_events(truths: &[FaultTruth], seen: &[Seen], tolerance: Tolerance) -> Books {
    let faults = faults(truths);
    let events = events(seen);
    let mut books = Books { injected: faults.len(), ..Books::default() };
    let mut delays = Vec::new();
    for fault in &faults {
        let own = |e: &&Event| e.topic == fault.truth.topic && fault.meets(e, tolerance);
        let first = events.iter().filter(own).map(|e| e.noticed).min();
        let delay = |t: i64| t.saturating_sub(fault.truth.start_ns).max(0);
        let delay_ms = first.map(|t| delay(t) as f64 / 1e6);
        delays.extend(delay_ms);
        books.faults.push(FaultFate {
            point: fault.truth.point.clone(),
            topic: fault.truth.topic.clone(),
            kind: fault.truth.kind.clone(),
            id: fault.truth.id,
            delay_ms,
        });
    }
    books.found = delays.len();
    books.missed = books.injected - books.found;
    delays.sort_unstable_by(f64::total_cmp);
    books.delay_ms_p50 = delays.get(delays.len() / 2).copied();
    for event in &events {
        let met: Vec<&Fault<'_>> = faults.iter().filter(|f| f.meets(event, tolerance)).collect();
        if met.is_empty() {
            books.false_alarms += 1;
            let seconds = event.end.saturating_sub(event.start) as f64 / 1e9;
            let place = format!("{}@{}", event.topic, event.point);
            books.unexplained.push(format!("{place} at {} ns for {seconds:.3} s", event.start));
        } else if met.iter().all(|f| f.truth.topic != event.topic) {
            books.aside += 1;
        }
    }
    books
}

fn faults(truths: &[FaultTruth]) -> Vec<Fault<'_>> {
    let mut latest: BTreeMap<(&str, &str, &str, u32), Fault<'_>> = BTreeMap::new();
    for truth in truths {
        let key = (truth.point.as_str(), truth.topic.as_str(), truth.kind.as_str(), truth.id);
        let end = if truth.end_ns > 0 { truth.end_ns } else { i64::MAX };
        let fault = latest.entry(key).or_insert(Fault { truth, end });
        fault.end = fault.end.min(end);
    }
    latest.into_values().collect()
}

fn events(seen: &[Seen]) -> Vec<Event> {
    let mut merged: BTreeMap<(&str, &str, i64), Event> = BTreeMap::new();
    for Seen { anomaly, noticed } in seen {
        let key = (anomaly.point.as_str(), anomaly.topic.as_str(), anomaly.start_ns);
        let event = merged.entry(key).or_insert_with(|| Event {
            point: anomaly.point.clone(),
            topic: anomaly.topic.clone(),
            start: anomaly.start_ns,
            end: anomaly.end_ns,
            noticed: *noticed,
        });
        event.end = event.end.max(anomaly.end_ns);
        event.noticed = event.noticed.min(*noticed);
    }
    merged.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    fn fault(id: u32, topic: &str, start: i64, end: i64) -> FaultTruth {
        FaultTruth {
            point: "pump1".into(),
            topic: topic.into(),
            kind: "drift".into(),
            id,
            start_ns: start * S,
            end_ns: end * S,
            detail: String::new(),
        }
    }

    fn seen(topic: &str, start: i64, end: i64) -> Seen {
        let anomaly = Anomaly {
            point: "pump1".into(),
            topic: topic.into(),
            start_ns: start * S,
            end_ns: end * S,
            ..Anomaly::default()
        };
        Seen { anomaly, noticed: start * S + S / 2 }
    }

    #[test]
    fn announcements_and_phases_count_once() {
        let truths = [fault(1, "temperature", 10, 0), fault(1, "temperature", 10, 22)];
        let events = [seen("temperature", 12, 13), seen("temperature", 12, 23)];
        let books = match_events(&truths, &events, Tolerance::default());
        assert_eq!((books.injected, books.found, books.false_alarms), (1, 1, 0));
        assert_eq!(books.delay_ms_p50, Some(2_500.0));
    }

    #[test]
    fn an_endless_alarm_is_no_detector() {
        let truths = [fault(1, "temperature", 10, 12), fault(2, "temperature", 50, 60)];
        let always = [seen("temperature", 1, 100)];
        let books = match_events(&truths, &always, Tolerance::default());
        assert_eq!((books.found, books.missed, books.false_alarms), (0, 2, 1));
    }

    #[test]
    fn another_topic_of_a_faulty_point_counts_neither_way() {
        let truths = [fault(1, "vibration", 10, 20)];
        let books = match_events(&truths, &[seen("current", 11, 19)], Tolerance::default());
        assert_eq!((books.found, books.missed, books.false_alarms, books.aside), (0, 1, 0, 1));
        let late = match_events(&truths, &[seen("current", 23, 24)], Tolerance::default());
        assert_eq!((late.false_alarms, late.aside), (1, 0));
    }

    #[test]
    fn samples_may_say_any_time() {
        let endless =
            Anomaly { start_ns: i64::MIN, end_ns: i64::MAX, ..seen("vibration", 0, 0).anomaly };
        let elsewhere = Anomaly { point: "pump2".into(), ..endless.clone() };
        let events = [endless, elsewhere].map(|anomaly| Seen { anomaly, noticed: i64::MAX });
        let always = FaultTruth { start_ns: i64::MIN, ..fault(1, "vibration", 0, 0) };
        let books = match_events(&[always], &events, Tolerance::default());
        assert_eq!((books.found, books.false_alarms), (1, 1), "{books:?}");
        assert_eq!(books.delay_ms_p50, Some(i64::MAX as f64 / 1e6));
    }

    #[test]
    fn a_fault_that_goes_on_is_still_found() {
        let books = match_events(
            &[fault(1, "vibration", 10, 0)],
            &[seen("vibration", 500, 501)],
            Tolerance::default(),
        );
        assert_eq!((books.found, books.missed), (1, 0));
    }
}
