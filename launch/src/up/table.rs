//! The picture of a running graph: a table redrawn in place on a terminal, a line every few seconds
//! elsewhere.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::control::TopicReport;
use super::plan::Phase;
use super::supervisor::{Node, State};
use crate::cli::live::Screen;
use crate::cli::output::{bytes, count, micros, paint, plain, table};

/// Draws what the supervisor knows.
pub struct Picture {
    screen: Screen,
    quiet: bool,
    drawn: Instant,
    every: Duration,
    before: BTreeMap<(String, String), u64>,
    begun: Instant,
}

/// One topic at one site, all nodes together.
#[derive(Clone, Debug, Default)]
struct Row {
    written: u64,
    kept: TopicReport,
}

impl Picture {
    /// A picture on standard output; none at all when `quiet`.
    pub fn new(quiet: bool) -> Self {
        let screen = Screen::new();
        let every = Duration::from_millis(if screen.live() { 500 } else { 5000 });
        let now = Instant::now();
        Self { screen, quiet, drawn: now, every, before: BTreeMap::new(), begun: now }
    }

    /// Time counts from here.
    pub fn begin(&mut self) {
        self.begun = Instant::now();
    }

    /// Draws, if it is time.
    pub fn draw(&mut self, nodes: &[Node], lasts: Duration) {
        let since = self.drawn.elapsed();
        if self.quiet || since < self.every {
            return;
        }
        self.drawn = Instant::now();
        let rows = rows(nodes);
        let rates: BTreeMap<_, f64> = rows
            .iter()
            .map(|(key, row)| {
                let now = row.written.max(row.kept.received);
                let before = self.before.insert(key.clone(), now).unwrap_or(now);
                (key.clone(), now.saturating_sub(before) as f64 / since.as_secs_f64())
            })
            .collect();
        let text = if self.screen.live() {
            full(nodes, &rows, &rates, self.begun, lasts)
        } else {
            brief(nodes, &rows, &rates, self.begun)
        };
        self.screen.put(&text);
    }

    /// Removes the live table.
    pub fn clear(&mut self) {
        if !self.quiet {
            self.screen.clear();
        }
    }
}

fn rows(nodes: &[Node]) -> BTreeMap<(String, String), Row> {
    let mut rows: BTreeMap<(String, String), Row> = BTreeMap::new();
    for node in nodes {
        let mut topics: Vec<_> = node.topics().collect();
        topics.sort();
        topics.dedup();
        for topic in topics {
            let row = rows.entry((node.plan.site.clone(), topic.clone())).or_default();
            let report = node.topic(topic);
            row.written += report.written;
            if node.plan.phase == Phase::Recorder {
                row.kept = report;
            }
        }
    }
    rows
}

fn states(nodes: &[Node]) -> String {
    let mut parts = Vec::new();
    let ready = nodes.iter().filter(|n| n.state == State::Ready).count();
    parts.push(format!("{ready} of {} nodes up", nodes.len()));
    for node in nodes {
        match node.state {
            State::Failed => parts.push(paint("31", &format!("{} failed", node.plan.name))),
            State::Resting(_) => parts.push(paint("33", &format!("{} restarts", node.plan.name))),
            _ => {}
        }
    }
    parts.join(", ")
}

fn anomalies(nodes: &[Node]) -> u64 {
    let detectors = nodes.iter().filter(|n| n.plan.phase == Phase::Detector);
    detectors.map(|n| n.topics().map(|t| n.topic(t).written).max().unwrap_or(0)).sum()
}

fn lag_ms(nodes: &[Node]) -> f64 {
    nodes.iter().map(|n| n.report.lag_ms).fold(0.0, f64::max)
}

fn disk(nodes: &[Node]) -> u64 {
    nodes.iter().map(|n| n.report.bytes_on_disk).sum()
}

fn clock(begun: Instant, lasts: Duration) -> String {
    let now = begun.elapsed().as_secs_f64();
    if lasts.is_zero() {
        format!("{now:.0} s, Ctrl-C ends")
    } else {
        format!("{now:.0} of {:.0} s", lasts.as_secs_f64())
    }
}

fn full(
    nodes: &[Node],
    rows: &BTreeMap<(String, String), Row>,
    rates: &BTreeMap<(String, String), f64>,
    begun: Instant,
    lasts: Duration,
) -> String {
    let cells = rows.iter().map(|(key, row)| {
        let (p50, p99) =
            row.kept.latency_us.map_or(("-".into(), "-".into()), |[a, b]| (micros(a), micros(b)));
        vec![
            key.0.clone(),
            key.1.clone(),
            format!("{:.0}/s", rates.get(key).copied().unwrap_or(0.0)),
            p50,
            p99,
            count(row.kept.recorded),
            bytes(row.kept.bytes),
            count(row.written.saturating_sub(row.kept.recorded)),
        ]
    });
    let headers = ["SITE", "TOPIC", ">RATE", ">P50", ">P99", ">RECORDED", ">PAYLOAD", ">TO DISK"];
    let mut text = table(&headers, cells);
    text.push_str(&format!(
        "\n{}  {}  {:.0} samples/s  {} on disk  lag {:.0} ms  {} anomalies\n",
        clock(begun, lasts),
        states(nodes),
        rates.values().sum::<f64>(),
        bytes(disk(nodes)),
        lag_ms(nodes),
        anomalies(nodes),
    ));
    for node in nodes.iter().filter(|n| !n.report.note.is_empty()) {
        let line = format!("{}: {}", node.plan.name, plain(&node.report.note));
        text.push_str(&paint("2", &format!("{line}\n")));
    }
    text
}

fn brief(
    nodes: &[Node],
    rows: &BTreeMap<(String, String), Row>,
    rates: &BTreeMap<(String, String), f64>,
    begun: Instant,
) -> String {
    let worst = rows
        .values()
        .filter_map(|r| r.kept.latency_us)
        .fold([0.0f64; 2], |a, b| [a[0].max(b[0]), a[1].max(b[1])]);
    format!(
        "{:4.0} s  {}  {:.0} samples/s  recorded {} ({})  latency p50 {} p99 {}  lag {:.0} ms  {} anomalies\n",
        begun.elapsed().as_secs_f64(),
        states(nodes),
        rates.values().sum::<f64>(),
        count(rows.values().map(|r| r.kept.recorded).sum()),
        bytes(disk(nodes)),
        micros(worst[0]),
        micros(worst[1]),
        lag_ms(nodes),
        anomalies(nodes),
    )
}
