//! A real test bed: trained on SKAB's anomaly-free recording, judged on its experiments.
//!
//! Each experiment runs under conditions of its own, so it counts as a new series: the first
//! windows calibrate it, and only what comes after is judged. Figures: area under the ROC curve
//! over the seconds (no threshold), and F1 with the threshold that training fixed, without point
//! adjustment.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::*;
use tidewire_models::{FitOptions, Kind, Model, Scorer};
use tidewire_stream::{Row, SeriesKey, WindowSpec};

const SECOND: i64 = 1_000_000_000;

pub fn data() -> Option<PathBuf> {
    let root = std::env::var_os("TIDEWIRE_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    let skab = root.join("skab");
    if skab.is_dir() {
        return Some(skab);
    }
    println!("skipped: no {} (set TIDEWIRE_DATA)", skab.display());
    None
}

/// Eight sensors a second, and the labels where there are any.
pub fn read(path: &Path) -> (Vec<Row>, Vec<bool>) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut rows = Vec::new();
    let mut labels = Vec::new();
    for (i, line) in text.lines().skip(1).enumerate() {
        let cells: Vec<&str> = line.split(';').collect();
        let values = cells[1..9].iter().map(|c| c.parse().unwrap()).collect();
        rows.push(Row { time: i as i64 * SECOND, sequence: i as u64 + 1, values });
        labels.push(cells.get(9).is_some_and(|c| c.starts_with('1')));
    }
    (rows, labels)
}

/// Probability that a faulty second scores above a normal one.
pub fn auc(scores: &[f64], labels: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut rank_sum, mut i) = (0.0, 0);
    while i < order.len() {
        let mut j = i;
        while j < order.len() && scores[order[j]] == scores[order[i]] {
            j += 1;
        }
        let rank = (i + j + 1) as f64 / 2.0;
        rank_sum += rank * order[i..j].iter().filter(|k| labels[**k]).count() as f64;
        i = j;
    }
    let positive = labels.iter().filter(|l| **l).count() as f64;
    let negative = labels.len() as f64 - positive;
    (rank_sum - positive * (positive + 1.0) / 2.0) / (positive * negative)
}

#[derive(Default)]
struct Counts {
    hit: f64,
    false_alarm: f64,
    missed: f64,
}

impl Counts {
    fn f1(&self) -> f64 {
        2.0 * self.hit / (2.0 * self.hit + self.false_alarm + self.missed)
    }
}

fn judge(skab: &Path, kind: Kind) -> (f64, f64) {
    let window = WindowSpec { length: 32, hop: 2, lateness: 0, ..WindowSpec::default() };
    let names = ["acc1", "acc2", "current", "pressure", "temp", "thermo", "voltage", "flow"];
    let key = SeriesKey::new("t", "anomaly-free", "");
    let (free, _) = read(&skab.join("anomaly-free/anomaly-free.csv"));
    let set = set(&names, &window, &[(&key, &free)]);
    let options = FitOptions { epochs: 12, ..FitOptions::default() };
    let model = Model::train(spec(kind, &window), &set, &options, &mut |_| {}).unwrap();
    let model = Arc::new(model);

    let mut files: Vec<PathBuf> = ["valve1", "other"]
        .iter()
        .flat_map(|d| std::fs::read_dir(skab.join(d)).unwrap().map(|e| e.unwrap().path()))
        .collect();
    files.sort();
    let (mut areas, mut counts) = (Vec::new(), Counts::default());
    for file in &files {
        let (rows, labels) = read(file);
        let series = SeriesKey::new("t", &file.display().to_string(), "");
        let windows = cut(&series, &rows, &window);
        let scores = Scorer::new(model.clone()).score(&windows).unwrap();
        let (mut ratios, mut truth) = (Vec::new(), Vec::new());
        let mut own = Counts::default();
        for (window, score) in windows.iter().zip(&scores) {
            let Some(score) = score.as_ref().filter(|s| s.kind != Kind::Flatline) else { continue };
            let label = labels[(window.end / SECOND) as usize];
            match (score.ratio() > 1.0, label) {
                (true, true) => own.hit += 1.0,
                (true, false) => own.false_alarm += 1.0,
                (false, true) => own.missed += 1.0,
                (false, false) => {}
            }
            ratios.push(score.ratio());
            truth.push(label);
        }
        let area = auc(&ratios, &truth);
        let name = file.strip_prefix(skab).unwrap().display();
        println!(
            "{kind:>12} {name:<14} AUC {area:.3}  F1 {:.3}  (of {} windows)",
            own.f1(),
            truth.len()
        );
        areas.push(area);
        counts.hit += own.hit;
        counts.false_alarm += own.false_alarm;
        counts.missed += own.missed;
    }
    let mean = areas.iter().sum::<f64>() / areas.len() as f64;
    println!("{kind:>12} mean AUC {mean:.3}, F1 over all {:.3}", counts.f1());
    (mean, counts.f1())
}

#[test]
fn experiments_of_a_water_circuit_are_told_from_its_normal_running() {
    let Some(skab) = data() else { return };
    for (kind, area, f1) in [Kind::Pca, Kind::Autoencoder].map(|k| {
        let (area, f1) = judge(&skab, k);
        (k, area, f1)
    }) {
        assert!(area > 0.7, "{kind}: mean AUC {area:.3}");
        assert!(f1 > 0.5, "{kind}: F1 {f1:.3}");
    }
}
