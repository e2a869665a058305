//! The end of a run: do the books balance, and were the faults found?
//!
//! For each topic at each site four counts must agree: samples handed to the bus by the writers of
//! that site (a bridge's re-publishing included), samples its recorder received, samples it
//! acknowledged on disk, and rows a SQL count finds in the recording.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// What `tidewire up --json` prints last.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// One entry per site and topic.
    pub topics: Vec<Book>,
    /// How the detectors did.
    pub anomalies: Score,
    /// Size of the recordings over the samples in them.
    pub bytes_per_sample: f64,
    /// Samples recorded per second of the run, all sites together.
    pub samples_per_s: f64,
}

/// One topic at one site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Book {
    /// Namespace of the site in the launch file.
    pub site: String,
    /// Topic name.
    pub topic: String,
    /// By all writers of the site.
    pub written: u64,
    /// By the site's recorder.
    pub received: u64,
    /// Acknowledged on disk.
    pub recorded: u64,
    /// Found by `SELECT count(*)`.
    pub queried: u64,
}

impl Book {
    /// Whether all four counts agree.
    pub fn balances(&self) -> bool {
        self.written == self.received
            && self.received == self.recorded
            && self.recorded == self.queried
    }
}

/// How the announced anomalies compare with the injected faults.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// Faults injected.
    pub injected: usize,
    /// Of these, on how many an anomaly of the same point and topic was announced.
    pub found: usize,
    /// Of these, on how many none was.
    pub missed: usize,
    /// Anomalies at a time when nothing was wrong at their point.
    #[serde(rename = "false")]
    pub false_alarms: usize,
    /// From the start of a fault to the announcement of its first anomaly, median over the found.
    pub delay_ms_p50: Option<f64>,
}

/// A fault as the recording tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Collection point.
    pub point: String,
    /// Topic it shows on.
    pub topic: String,
    /// What broke.
    pub kind: String,
    /// Its number.
    pub id: u64,
    /// ns since the Unix epoch.
    pub start_ns: i64,
    /// ns since the Unix epoch; 0 while it lasts.
    pub end_ns: i64,
}

/// An anomaly as the recording tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anomaly {
    /// Collection point.
    pub point: String,
    /// Topic it was seen on.
    pub topic: String,
    /// Start of the strange stretch, ns since the Unix epoch.
    pub start_ns: i64,
    /// Its end.
    pub end_ns: i64,
    /// When it was announced.
    pub said_ns: i64,
}

/// How long after a fault its anomaly may still begin: the last window that holds part of it.
const GRACE_NS: i64 = 2_000_000_000;

/// Compares anomalies with faults. Both may hold repeats: a fault is announced at its start and its
/// end, an anomaly is bridged to other sites and updated while it lasts.
pub fn score(faults: &[Fault], anomalies: &[Anomaly]) -> Score {
    let mut merged: BTreeMap<(&str, &str, &str, u64), (i64, i64)> = BTreeMap::new();
    for f in faults {
        let times =
            merged.entry((&f.point, &f.topic, &f.kind, f.id)).or_insert((f.start_ns, f.end_ns));
        times.0 = times.0.min(f.start_ns);
        times.1 = times.1.max(f.end_ns);
    }
    let faults: Vec<Fault> = merged
        .into_iter()
        .map(|((point, topic, kind, id), (start_ns, end_ns))| Fault {
            point: point.into(),
            topic: topic.into(),
            kind: kind.into(),
            id,
            start_ns,
            end_ns: if end_ns == 0 { i64::MAX } else { end_ns },
        })
        .collect();
    let touches = |a: &Anomaly, f: &Fault| {
        a.point == f.point
            && a.end_ns >= f.start_ns
            && a.start_ns <= f.end_ns.saturating_add(GRACE_NS)
    };
    let mut delays = Vec::new();
    for fault in &faults {
        let said = anomalies
            .iter()
            .filter(|a| a.topic == fault.topic && touches(a, fault))
            .map(|a| a.said_ns)
            .min();
        if let Some(said) = said {
            delays.push(said.saturating_sub(fault.start_ns).max(0) as f64 / 1e6);
        }
    }
    let strays: BTreeSet<_> = anomalies
        .iter()
        .filter(|a| !faults.iter().any(|f| touches(a, f)))
        .map(|a| (&a.point, &a.topic, a.start_ns))
        .collect();
    let (injected, found) = (faults.len(), delays.len());
    Score {
        injected,
        found,
        missed: injected - found,
        false_alarms: strays.len(),
        delay_ms_p50: median(delays),
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(id: u64, start_s: i64, end_s: i64) -> Fault {
        Fault {
            point: "plant/pump1".into(),
            topic: "vibration".into(),
            kind: "bearing".into(),
            id,
            start_ns: start_s * 1_000_000_000,
            end_ns: end_s * 1_000_000_000,
        }
    }

    fn anomaly(topic: &str, start_s: i64, end_s: i64) -> Anomaly {
        Anomaly {
            point: "plant/pump1".into(),
            topic: topic.into(),
            start_ns: start_s * 1_000_000_000,
            end_ns: end_s * 1_000_000_000,
            said_ns: end_s * 1_000_000_000 + 5_000_000,
        }
    }

    #[test]
    fn a_fault_told_twice_counts_once() {
        let score = score(&[fault(1, 10, 0), fault(1, 10, 20)], &[anomaly("vibration", 10, 11)]);
        assert_eq!((score.injected, score.found, score.missed, score.false_alarms), (1, 1, 0, 0));
        assert_eq!(score.delay_ms_p50, Some(1005.0));
    }

    #[test]
    fn anomalies_outside_any_fault_are_false() {
        let strays = [
            anomaly("vibration", 30, 31),
            anomaly("vibration", 30, 32),
            anomaly("vibration", 50, 51),
        ];
        let score = score(&[fault(1, 10, 20)], &strays);
        assert_eq!((score.injected, score.found, score.missed, score.false_alarms), (1, 0, 1, 2));
        assert_eq!(score.delay_ms_p50, None);
    }

    #[test]
    fn a_side_effect_on_another_topic_is_neither_found_nor_false() {
        let score = score(&[fault(1, 10, 20)], &[anomaly("current", 12, 13)]);
        assert_eq!((score.found, score.missed, score.false_alarms), (0, 1, 0));
    }

    #[test]
    fn a_fault_that_outlives_the_run_can_be_found() {
        let score = score(&[fault(1, 10, 0)], &[anomaly("vibration", 14, 15)]);
        assert_eq!(score.found, 1);
    }

    #[test]
    fn any_times_can_be_compared() {
        let fault = Fault { start_ns: i64::MIN, end_ns: i64::MAX, ..fault(1, 0, 0) };
        let anomaly = Anomaly { said_ns: i64::MAX, ..anomaly("vibration", 14, 15) };
        assert_eq!(score(&[fault], &[anomaly]).found, 1);
    }

    #[test]
    fn books_balance_to_the_sample() {
        let book = Book { written: 5, received: 5, recorded: 5, queried: 5, ..Book::default() };
        assert!(book.balances());
        assert!(!Book { queried: 4, ..book }.balances());
    }

    #[test]
    fn the_json_is_what_scripts_rely_on() {
        let summary = Summary {
            topics: vec![Book {
                site: "plant".into(),
                topic: "vibration".into(),
                ..Book::default()
            }],
            anomalies: Score::default(),
            bytes_per_sample: 12.5,
            samples_per_s: 9000.0,
        };
        assert_eq!(
            serde_json::to_string(&summary).unwrap(),
            concat!(
                r#"{"topics":[{"site":"plant","topic":"vibration","written":0,"received":0,"recorded":0,"queried":0}],"#,
                r#""anomalies":{"injected":0,"found":0,"missed":0,"false":0,"delay_ms_p50":null},"#,
                r#""bytes_per_sample":12.5,"samples_per_s":9000.0}"#
            )
        );
    }
}
