mod common;
#[path = "skab.rs"]
#[allow(dead_code)]
mod skab;
use common::*;
use std::sync::Arc;
use tidewire_models::*;
use tidewire_stream::*;
#[test]
fn explore() {
    let skab = skab::data().unwrap();
    let window = WindowSpec { length: 32, hop: 2, lateness: 0, ..WindowSpec::default() };
    let names = ["acc1", "acc2", "current", "pressure", "temp", "thermo", "voltage", "flow"];
    let key = SeriesKey::new("t", "anomaly-free", "");
    let (free, _) = skab::read(&skab.join("anomaly-free/anomaly-free.csv"));
    let set = set(&names, &window, &[(&key, &free)]);
    for kind in [Kind::Pca, Kind::Autoencoder, Kind::Drift, Kind::Shock] {
        let options = FitOptions { epochs: 12, ..FitOptions::default() };
        let mut d = detector::new(kind);
        d.train(&set, &options, &mut |_| {}).unwrap();
        let mut files: Vec<_> = ["valve1", "other"].iter()
            .flat_map(|d| std::fs::read_dir(skab.join(d)).unwrap().map(|e| e.unwrap().path())).collect();
        files.sort();
        let mut sums = vec![0.0; 10];
        let (mut hit, mut fa, mut miss) = (0.0, 0.0, 0.0);
        for f in &files {
            let (rows, labels) = skab::read(f);
            let series = SeriesKey::new("t", &f.display().to_string(), "");
            let windows = cut(&series, &rows, &window);
            let mut m = Memory::default();
            let scores = d.score(&windows, &mut m).unwrap();
            let mut cols = vec![vec![]; 10];
            let mut truth = vec![];
            for (w, s) in windows.iter().zip(&scores) {
                let Some(s) = s else { continue };
                let l = labels[(w.end / 1_000_000_000) as usize];
                truth.push(l);
                cols[0].push(s.ratio());
                for (c, v) in s.contributions.iter().enumerate() { cols[c + 1].push(*v); }
                cols[9].push(s.contributions.iter().sum::<f64>());
                match (s.ratio() > 1.0, l) { (true, true) => hit += 1.0, (true, false) => fa += 1.0, (false, true) => miss += 1.0, _ => {} }
            }
            let a: Vec<f64> = cols.iter().map(|c| skab::auc(c, &truth)).collect();
            for (s, a) in sums.iter_mut().zip(&a) { *s += a / files.len() as f64; }
            let q = |c: &Vec<f64>, l: bool| { let v: Vec<f64> = c.iter().zip(&truth).filter(|(_, t)| **t == l).map(|(v, _)| *v).collect(); numeric::quantile(&v, 0.5) };
            println!("{kind} {} {}", f.strip_prefix(&skab).unwrap().display(), a.iter().zip(&cols).map(|(a, c)| format!("{a:.2}({:.1}/{:.1})", q(c, false), q(c, true))).collect::<Vec<_>>().join(" "));
        }
        println!("== {kind} mean {} f1 {:.3} hit {hit} fa {fa} miss {miss}", sums.iter().map(|a| format!("{a:.3}")).collect::<Vec<_>>().join(" "), 2.0 * hit / (2.0 * hit + fa + miss));
    }
    let _ = Arc::new(1);
}
