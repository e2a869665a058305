//! `tidewire topic delay`: how old samples are when they come.

use serde_json::json;

use super::figures::Count;
use super::measure::{self, Args, Measured, View, time_of, us};
use crate::cli::output::count;

/// Measures until Ctrl-C, `--for` or `--timeout`.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    measure::run(args, json, &VIEW)
}

const VIEW: View = View {
    name: "topic-delay",
    headers: &[">MEAN", ">P50", ">P99", ">MIN", ">MAX", ">NEGATIVE", ">SAMPLES", "CLOCKS"],
    cells: |topic, figures, _| {
        vec![
            time_of(figures.delay.mean()),
            time_of(figures.delay.quantile(0.5)),
            time_of(figures.delay.quantile(0.99)),
            time_of(figures.delay.least()),
            time_of(figures.delay.most()),
            count(figures.delay.negative()),
            count(topic.figures.total()),
            if same_clock(topic) { "one" } else { "two" }.to_owned(),
        ]
    },
    json: |topic, figures, _| {
        json!({
            "samples": topic.figures.total(),
            "delay_us_mean": us(figures.delay.mean()),
            "delay_us_p50": us(figures.delay.quantile(0.5)),
            "delay_us_p99": us(figures.delay.quantile(0.99)),
            "delay_us_min": us(figures.delay.least()),
            "delay_us_max": us(figures.delay.most()),
            "negative": figures.delay.negative(),
            "same_clock": same_clock(topic),
        })
    },
    note,
};

/// Whether every writer reads this host's clock.
fn same_clock(topic: &Measured) -> bool {
    topic.info.writers.iter().all(|writer| writer.local)
}

/// What the clocks make of the figures.
fn note(counts: &[(&Measured, Count)]) -> Option<String> {
    let negative = counts.iter().any(|(_, figures)| figures.delay.negative() > 0);
    let remote = counts.iter().any(|(topic, _)| !same_clock(topic));
    let mut text = match (negative, remote) {
        (false, false) => return None,
        (true, true) => {
            "negative: the writer's clock is ahead of this host's by more than the sample took; "
        }
        (true, false) => {
            "negative: the writer sets its own source times, or this host's clock was set back; "
        }
        (false, true) => "",
    }
    .to_owned();
    if remote {
        text.push_str(
            "two clocks: a delay holds their difference; synchronise them with PTP or chrony (`chronyc \
             tracking` tells how far off they are)",
        );
    }
    Some(text.trim_end_matches("; ").to_owned())
}
