//! `tidewire topic bw`: how much.

use serde_json::json;

use super::measure::{self, Args, View};
use crate::cli::output::{bytes, count};

/// Measures until Ctrl-C, `--for` or `--timeout`.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    measure::run(args, json, &VIEW)
}

const VIEW: View = View {
    name: "topic-bw",
    headers: &[">BYTES", ">RATE", ">SIZE MIN", ">MEAN", ">P99", ">MAX", ">SAMPLES", ">LOST"],
    cells: |topic, figures, now| {
        let (hz, rate) = figures.rates(now);
        let size = |size: Option<i64>| size.map_or_else(|| "-".to_owned(), |n| bytes(n as u64));
        let some = (figures.samples > 0).then_some(());
        vec![
            format!("{}/s", bytes(rate as u64)),
            format!("{hz:.1} Hz"),
            size(some.map(|()| figures.smallest as i64)),
            size(some.map(|()| figures.mean_size().round() as i64)),
            size(figures.size.quantile(0.99)),
            size(figures.size.max()),
            count(topic.figures.total()),
            count(topic.reader.lost()),
        ]
    },
    json: |topic, figures, now| {
        let (hz, rate) = figures.rates(now);
        let some = (figures.samples > 0).then_some(());
        json!({
            "samples": topic.figures.total(),
            "bytes_per_s": rate,
            "hz": hz,
            "size_min": some.map(|()| figures.smallest),
            "size_mean": some.map(|()| figures.mean_size()),
            "size_p99": figures.size.quantile(0.99),
            "size_max": figures.size.max(),
            "lost": topic.reader.lost(),
        })
    },
    note: |_| None,
};
