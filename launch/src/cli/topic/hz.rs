//! `tidewire topic hz`: how often, and how regularly.

use serde_json::json;

use super::measure::{self, Args, View, time_of, us};
use crate::cli::output::count;

/// Counts until Ctrl-C, `--for` or `--timeout`.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    measure::run(args, json, &VIEW)
}

const VIEW: View = View {
    name: "topic-hz",
    headers: &[
        ">RATE",
        ">LATENCY P50",
        ">P99",
        ">GAP P50",
        ">P99",
        ">LONGEST",
        ">SAMPLES",
        ">LOST",
    ],
    cells: |topic, figures, now| {
        vec![
            format!("{:.1} Hz", figures.rates(now).0),
            time_of(figures.delay.quantile(0.5)),
            time_of(figures.delay.quantile(0.99)),
            time_of(figures.gap.quantile(0.5)),
            time_of(figures.gap.quantile(0.99)),
            time_of(figures.gap.max()),
            count(topic.figures.total()),
            count(topic.reader.lost()),
        ]
    },
    json: |topic, figures, now| {
        let (hz, rate) = figures.rates(now);
        json!({
            "samples": topic.figures.total(),
            "hz": hz,
            "bytes_per_s": rate,
            "latency_us_p50": us(figures.delay.quantile(0.5)),
            "latency_us_p99": us(figures.delay.quantile(0.99)),
            "gap_us_p50": us(figures.gap.quantile(0.5)),
            "gap_us_p99": us(figures.gap.quantile(0.99)),
            "gap_us_max": us(figures.gap.max()),
            "lost": topic.reader.lost(),
        })
    },
    note: |_| None,
};
