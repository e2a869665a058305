//! One run of a graph, from the first process to the last line of the summary.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::books::Books;
use super::plan::{Phase, Plan};
use super::summary::{self, Book, Summary};
use super::supervisor::{Node, Supervisor};
use super::table::Picture;

/// How a run ended.
pub struct Outcome {
    /// The books and the score.
    pub summary: Summary,
    /// Recorders that were away: name, for how long, samples written meanwhile and not recorded.
    pub gaps: Vec<Gap>,
    /// Nodes that failed for good, or had to be killed.
    pub failures: Vec<String>,
    /// What could not be asked.
    pub problems: Vec<String>,
    /// Site and folder of every recording.
    pub recordings: Vec<(String, PathBuf)>,
}

/// A time in which a recorder was away.
pub struct Gap {
    /// Recorder.
    pub node: String,
    /// How long.
    pub down: Duration,
    /// Samples written at its site that it did not record.
    pub missing: u64,
    /// Samples recorded twice: TRANSIENT_LOCAL writers tell the newcomer their history again.
    pub again: u64,
}

impl Outcome {
    /// Topics whose counts disagree.
    pub fn unbalanced(&self) -> impl Iterator<Item = &Book> {
        self.summary.topics.iter().filter(|b| !b.balances())
    }
}

/// Runs `plan` for `lasts` (zero: until a signal), logs to `logs`.
pub fn run(plan: Plan, logs: PathBuf, lasts: Duration, quiet: bool) -> anyhow::Result<Outcome> {
    let recordings = plan.recordings();
    for (_, dir) in &recordings {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    let mut supervisor = Supervisor::new(plan, logs)?;
    let mut picture = Picture::new(quiet);
    let mut interrupted = false;
    while !interrupted && !supervisor.all_up() {
        interrupted = supervisor.turn(Duration::from_millis(20))?;
        give_up_on_failures(&mut supervisor, &mut picture)?;
        picture.draw(&supervisor.nodes, lasts);
    }
    picture.begin();
    let begun = Instant::now();
    while !interrupted && (lasts.is_zero() || begun.elapsed() < lasts) && supervisor.has_sources() {
        interrupted = supervisor.turn(Duration::from_millis(50))?;
        picture.draw(&supervisor.nodes, lasts);
    }
    let lasted = begun.elapsed();
    picture.clear();
    supervisor.stop()?;
    Ok(balance(&supervisor, recordings, lasted))
}

/// A graph that never came up is worth nothing: its failure is told with the node's last words.
fn give_up_on_failures(supervisor: &mut Supervisor, picture: &mut Picture) -> anyhow::Result<()> {
    let Some(failed) = supervisor.failed().next().map(|n| n.plan.name.clone()) else {
        return Ok(());
    };
    picture.clear();
    let log = supervisor.log(&failed);
    let words = supervisor.last_lines(&failed, 12);
    supervisor.stop()?;
    let mut text = format!("node `{failed}` failed to start; its log {} ends with", log.display());
    for line in &words {
        text.push_str("\n    | ");
        text.push_str(line);
    }
    if words.is_empty() {
        text.push_str(" nothing");
    }
    bail!(text);
}

fn balance(
    supervisor: &Supervisor,
    recordings: Vec<(String, PathBuf)>,
    lasted: Duration,
) -> Outcome {
    let mut topics = Vec::new();
    let mut problems = Vec::new();
    let mut faults = Vec::new();
    let mut anomalies = Vec::new();
    let mut disk = 0;
    for (site, dir) in &recordings {
        disk += size(dir);
        let books = match Books::open(dir) {
            Ok(books) => Some(books),
            Err(error) => {
                problems.push(format!("{error:#}"));
                None
            }
        };
        let mut names: BTreeSet<String> =
            at_site(supervisor, site).flat_map(Node::topics).cloned().collect();
        if let Some(books) = &books {
            match books.topics() {
                Ok(recorded) => names.extend(recorded),
                Err(error) => problems.push(format!("{error:#}")),
            }
        }
        for topic in names {
            let book = book(supervisor, site, &topic, books.as_ref(), &mut problems);
            // Topics that a node only offers, such as the output of a detector that saw nothing.
            if book
                != (Book { site: book.site.clone(), topic: book.topic.clone(), ..Book::default() })
            {
                topics.push(book);
            }
        }
        if let Some(books) = &books {
            let known: Vec<_> =
                topics.iter().filter(|b| b.site == *site).map(|b| b.topic.clone()).collect();
            for topic in known {
                let last = topic.rsplit('/').next().unwrap_or_default();
                let outcome = match last {
                    "truth" => books.faults(&topic).map(|f| faults.extend(f)),
                    "anomaly" => books.anomalies(&topic).map(|a| anomalies.extend(a)),
                    _ => Ok(()),
                };
                if let Err(error) = outcome {
                    problems.push(format!("{site} {topic}: {error:#}"));
                }
            }
        }
    }
    let samples: u64 = topics.iter().map(|b| b.recorded).sum();
    let summary = Summary {
        anomalies: summary::score(&faults, &anomalies),
        bytes_per_sample: if samples > 0 { disk as f64 / samples as f64 } else { 0.0 },
        samples_per_s: samples as f64 / lasted.as_secs_f64().max(1e-3),
        topics,
    };
    Outcome {
        gaps: gaps(supervisor, &summary),
        failures: failures(supervisor),
        summary,
        problems,
        recordings,
    }
}

fn book(
    supervisor: &Supervisor,
    site: &str,
    topic: &str,
    books: Option<&Books>,
    problems: &mut Vec<String>,
) -> Book {
    let mut book = Book { site: site.to_owned(), topic: topic.to_owned(), ..Book::default() };
    book.written = supervisor.written(site, topic);
    for recorder in recorders(supervisor, site) {
        let report = recorder.topic(topic);
        book.received += report.received;
        book.recorded += report.recorded;
    }
    let Some(books) = books else { return book };
    let restarted = recorders(supervisor, site).any(|n| n.restarts > 0);
    if restarted && let Ok(recorded) = books.recorded(topic) {
        // What a killed recorder acknowledged after its last report is known to the recording only.
        book.recorded = recorded;
        book.received = book.received.max(recorded);
    }
    match books.count(topic) {
        Ok(rows) => book.queried = rows,
        Err(error) if book.recorded > 0 => problems.push(format!("{site} {topic}: {error:#}")),
        Err(_) => {}
    }
    book
}

fn at_site<'a>(supervisor: &'a Supervisor, site: &'a str) -> impl Iterator<Item = &'a Node> {
    // Only what is written or recorded has books: a viewer's or detector's own reading has not.
    supervisor.nodes.iter().filter(move |n| n.plan.site == site && n.plan.phase != Phase::Viewer)
}

fn recorders<'a>(supervisor: &'a Supervisor, site: &'a str) -> impl Iterator<Item = &'a Node> {
    at_site(supervisor, site).filter(|n| n.plan.phase == Phase::Recorder)
}

fn gaps(supervisor: &Supervisor, summary: &Summary) -> Vec<Gap> {
    let away =
        supervisor.nodes.iter().filter(|n| n.plan.phase == Phase::Recorder && n.restarts > 0);
    away.map(|n| {
        let books = || summary.topics.iter().filter(|b| b.site == n.plan.site);
        Gap {
            node: n.plan.name.clone(),
            down: n.down,
            missing: books().map(|b| b.written.saturating_sub(b.recorded)).sum(),
            again: books().map(|b| b.recorded.saturating_sub(b.written)).sum(),
        }
    })
    .collect()
}

fn failures(supervisor: &Supervisor) -> Vec<String> {
    supervisor
        .failed()
        .map(|n| {
            // An error, why, and what to do about it.
            let words = supervisor.last_lines(&n.plan.name, 3);
            let words = words.iter().map(|line| line.trim()).collect::<Vec<_>>().join("; ");
            format!(
                "{} failed: {words} (log: {})",
                n.plan.name,
                supervisor.log(&n.plan.name).display()
            )
        })
        .collect()
}

/// Bytes a folder's files take on disk, holes not counted.
fn size(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => size(&entry.path()),
            Ok(meta) => meta.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}
