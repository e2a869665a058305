//! What `topic hz`, `bw` and `delay` share: figures of what comes on the topics, a table that is redrawn
//! while it comes.

use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::{Value, json};
use tidewire_bus::{RawReader, TopicInfo, now_ns};

use super::figures::{Count, Figures};
use super::follow::Topics;
use crate::cli::bus::Bus;
use crate::cli::live::Screen;
use crate::cli::output;
use crate::cli::progress::Progress;
use crate::cli::ros::Names;
use crate::cli::time;
use crate::node::Stop;

/// The arguments of all three.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Topic names, or patterns such as `plant/*`
    #[arg(required = true, value_name = "TOPIC")]
    pub topics: Vec<String>,
    /// Figures of the last N samples instead of all
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    pub window: Option<u32>,
    /// How long to measure; 0: until Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = time::duration, default_value = "0")]
    pub for_: Duration,
    /// Give up when no sample comes for this long
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    pub timeout: Option<Duration>,
    #[command(flatten)]
    pub names: Names,
    #[command(flatten)]
    pub bus: Bus,
}

/// How one of them shows its figures.
pub struct View {
    /// Name of the participant.
    pub name: &'static str,
    /// Columns after the topic.
    pub headers: &'static [&'static str],
    /// Their cells.
    pub cells: fn(&Measured, &Count, i64) -> Vec<String>,
    /// Members of the JSON object beside `topic`.
    pub json: fn(&Measured, &Count, i64) -> Value,
    /// What must be said about the figures.
    pub note: fn(&[(&Measured, Count)]) -> Option<String>,
}

/// A topic that is measured.
pub struct Measured {
    /// Its name as the person who asks says it.
    pub name: String,
    pub info: TopicInfo,
    pub reader: RawReader,
    pub figures: Figures,
}

/// Measures until Ctrl-C, `--for` or `--timeout`.
pub fn run(args: &Args, json: bool, view: &View) -> anyhow::Result<()> {
    let stop = Stop::at_keyboard()?;
    let mut topics = Topics::new(args, view.name)?;
    let mut screen = Screen::new();
    let mut progress = Progress::new(json || screen.live());
    let (mut heard, mut begun, mut told) = (Instant::now(), None, false);
    let (mut looked, mut drawn): (Option<Instant>, _) = (None, Instant::now());
    let mut batch = Vec::new();
    while !stop.is_set() {
        if looked.is_none_or(|at| at.elapsed() >= Duration::from_millis(100)) {
            looked = Some(Instant::now());
            for warning in topics.look()? {
                screen.clear();
                progress.clear();
                output::note(&warning);
            }
            told = told || topics.tell_missing(heard.elapsed());
        }
        topics.wait();
        for topic in &mut topics.measured {
            while topic.reader.take_into(&mut batch, 4096) > 0 {
                heard = Instant::now();
                begun.get_or_insert(heard);
                batch.drain(..).for_each(|sample| topic.figures.add(&sample));
            }
        }
        if begun.is_some_and(|at: Instant| !args.for_.is_zero() && at.elapsed() >= args.for_) {
            break;
        }
        // Where topics are there and silent, `--for` ends it, too.
        let silent = begun.is_none() && topics.have_come() && !args.for_.is_zero();
        if silent && heard.elapsed() >= args.for_ {
            if topics.measured.is_empty() {
                bail!("none of the topics that are there can be measured");
            }
            break;
        }
        if args.timeout.is_some_and(|timeout| heard.elapsed() >= timeout) {
            screen.clear();
            progress.clear();
            topics.give_up(heard.elapsed())?;
        }
        if screen.live() && !json && drawn.elapsed() >= Duration::from_millis(500) {
            drawn = Instant::now();
            screen.put(&text(view, &topics.measured));
        }
        progress.show(|| brief(view, &topics.measured));
    }
    progress.clear();
    screen.clear();
    let measured = &topics.measured;
    if json {
        for topic in measured {
            let mut line = json!({ "topic": topic.name });
            let more = (view.json)(topic, &topic.figures.count(), now_ns());
            if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
                line.extend(more);
            }
            output::say(&serde_json::to_string(&line)?);
        }
    } else {
        output::print(&text(view, measured));
    }
    Ok(())
}

/// What there is to show before a topic has come that can be read.
const NOTHING: &str = "nothing to measure yet";

fn text(view: &View, measured: &[Measured]) -> String {
    if measured.is_empty() {
        return format!("{NOTHING}\n");
    }
    let now = now_ns();
    let counts: Vec<(&Measured, Count)> =
        measured.iter().map(|topic| (topic, topic.figures.count())).collect();
    let rows = counts.iter().map(|(topic, count)| {
        let mut cells = (view.cells)(topic, count, now);
        cells.insert(0, topic.name.clone());
        cells
    });
    let headers: Vec<&str> = std::iter::once("TOPIC").chain(view.headers.iter().copied()).collect();
    let mut text = output::table(&headers, rows);
    if let Some(note) = (view.note)(&counts) {
        text.push_str(&format!("{note}\n"));
    }
    text
}

/// One line for a log: the topics with their first two figures.
fn brief(view: &View, measured: &[Measured]) -> String {
    let now = now_ns();
    let parts: Vec<String> = measured
        .iter()
        .map(|topic| {
            let cells = (view.cells)(topic, &topic.figures.count(), now);
            let named = view.headers.iter().zip(&cells);
            let cells: Vec<String> = named
                .map(|(head, cell)| {
                    format!("{} {cell}", head.trim_start_matches('>').to_lowercase())
                })
                .collect();
            format!("{}: {}", topic.name, cells.join("  "))
        })
        .collect();
    if parts.is_empty() { NOTHING.to_owned() } else { parts.join("  |  ") }
}

/// A quantile in microseconds, for JSON.
pub fn us(ns: Option<i64>) -> Option<f64> {
    ns.map(|ns| ns as f64 / 1e3)
}

/// A duration for a table.
pub fn time_of(ns: Option<i64>) -> String {
    us(ns).map_or_else(|| "-".to_owned(), output::micros)
}
