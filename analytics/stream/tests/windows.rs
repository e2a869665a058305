//! Windows do not depend on the order of arrival, and silences break them.

use tidewire_stream::{Resample, Row, SeriesKey, SeriesProfile, Window, WindowSpec, Windows};

const MS: i64 = 1_000_000;

fn rows(n: i64) -> Vec<Row> {
    (0..n)
        .map(|i| Row {
            time: i * MS,
            sequence: i as u64 + 1,
            values: vec![(i as f64 * 0.1).sin(), i as f64],
        })
        .collect()
}

fn run(spec: &WindowSpec, rows: impl IntoIterator<Item = Row>) -> (Vec<Window>, Windows) {
    let mut windows = Windows::new(spec.clone()).unwrap();
    let series = SeriesKey::new("t", "p", "");
    let mut out = Vec::new();
    for row in rows {
        let arrival = row.time;
        windows.push(&series, row, arrival, &mut out);
    }
    windows.flush(&mut out);
    (out, windows)
}

/// Deterministic shuffle: each row is delayed by a pseudo-random 0..=span places.
fn shuffled(rows: Vec<Row>, span: u64) -> Vec<Row> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut keyed: Vec<(u64, Row)> = rows
        .into_iter()
        .enumerate()
        .map(|(i, row)| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (i as u64 + state % (span + 1), row)
        })
        .collect();
    keyed.sort_by_key(|(place, _)| *place);
    keyed.into_iter().map(|(_, row)| row).collect()
}

#[test]
fn shuffling_within_the_lateness_changes_nothing() {
    let spec = WindowSpec { length: 16, hop: 5, lateness: 10 * MS, ..WindowSpec::default() };
    let (ordered, _) = run(&spec, rows(500));
    let mixed = shuffled(rows(500), 9);
    assert_ne!(mixed, rows(500), "the shuffle must do something");
    let (unordered, operator) = run(&spec, mixed);
    assert_eq!(operator.stats().late, 0);
    assert_eq!(ordered, unordered);
    assert_eq!(ordered.len(), (500 - 16) / 5 + 1);
}

#[test]
fn a_row_below_the_watermark_is_counted_and_set_aside() {
    let spec = WindowSpec { length: 4, hop: 4, lateness: 5 * MS, ..WindowSpec::default() };
    let mut input = rows(40);
    let straggler = input.remove(10);
    input.push(straggler.clone());
    let (out, mut operator) = run(&spec, input);
    assert_eq!(operator.stats().late, 1);
    let late = operator.take_late();
    assert_eq!(late.len(), 1);
    assert_eq!(late[0].row, straggler);
    assert_eq!(late[0].late_by, (39 - 5 - 10) * MS);
    assert!(out.iter().all(|w| w.field(1).all(|v| v != 10.0)));
}

#[test]
fn a_silence_starts_a_new_window() {
    let spec =
        WindowSpec { length: 8, hop: 8, lateness: 0, gap_factor: 5.0, ..WindowSpec::default() };
    let mut input = rows(60);
    for row in &mut input[28..] {
        row.time += 50 * MS;
    }
    let (out, operator) = run(&spec, input);
    assert_eq!(operator.stats().gaps, 1);
    assert!(out.iter().all(|w| w.end - w.start == 7 * MS), "no window spans the silence");
    assert!(out.iter().any(|w| w.start == (28 + 50) * MS), "a window starts after it");
}

#[test]
fn rows_of_any_time_are_taken() {
    let mut input = rows(9);
    (input[0].time, input[8].time) = (i64::MIN, i64::MAX);
    let mut profile = SeriesProfile::default();
    input.iter().for_each(|row| profile.observe(row));
    assert_eq!((profile.longest_gap(), profile.period()), (i64::MAX, Some(MS)));
    // Nothing is later than the first row after the last.
    input.push(input[0].clone());
    for resample in [Resample::None, Resample::Decimate(2), Resample::Every(1)] {
        let base = WindowSpec { length: 2, hop: 2, lateness: 0, ..WindowSpec::default() };
        let (out, mut operator) = run(&WindowSpec { resample, ..base }, input.clone());
        assert_eq!((operator.stats().late, operator.stats().gaps), (1, 1), "{resample:?}");
        assert_eq!(operator.take_late()[0].late_by, i64::MAX);
        assert!(!out.is_empty(), "{resample:?}");
    }
}

#[test]
fn a_hop_longer_than_the_window_skips_rows() {
    let spec = WindowSpec { length: 2, hop: 5, lateness: 0, ..WindowSpec::default() };
    let (out, _) = run(&spec, rows(12));
    let starts: Vec<i64> = out.iter().map(|w| w.start / MS).collect();
    assert_eq!(starts, [0, 5, 10]);
}

#[test]
fn decimation_averages_and_a_grid_fills_short_silences() {
    let spec = WindowSpec {
        length: 2,
        hop: 2,
        lateness: 0,
        resample: Resample::Decimate(3),
        ..WindowSpec::default()
    };
    let (out, _) = run(&spec, rows(12));
    assert_eq!(out[0].field(1).collect::<Vec<_>>(), [1.0, 4.0]);

    let spec = WindowSpec {
        length: 6,
        hop: 6,
        lateness: 0,
        resample: Resample::Every(2 * MS),
        ..WindowSpec::default()
    };
    let mut input = rows(14);
    input.drain(4..8);
    let (out, _) = run(&spec, input);
    let grid: Vec<f64> = out[0].field(1).collect();
    assert_eq!(grid, [0.5, 2.5, 2.5, 2.5, 8.5, 10.5]);
}

#[test]
fn rows_that_are_not_numbers_are_counted_and_dropped() {
    let mut input = rows(10);
    input[3].values[0] = f64::NAN;
    input[7].values[1] = f64::INFINITY;
    let spec = WindowSpec { length: 8, hop: 1, lateness: 0, ..WindowSpec::default() };
    let (out, operator) = run(&spec, input);
    assert_eq!(operator.stats().invalid, 2);
    assert_eq!(out.len(), 1);
}

#[test]
fn an_idle_series_is_released_by_the_clock_and_says_how_long_it_has_been_idle() {
    let spec = WindowSpec { length: 4, hop: 4, lateness: 100 * MS, ..WindowSpec::default() };
    let mut windows = Windows::new(spec).unwrap();
    let series = SeriesKey::new("t", "p", "");
    let mut out = Vec::new();
    for row in rows(4) {
        let arrival = row.time;
        windows.push(&series, row, arrival, &mut out);
    }
    assert!(out.is_empty(), "all four rows still wait for late ones");
    windows.advance(200 * MS, &mut out);
    assert_eq!(out.len(), 1);
    let idle: Vec<_> = windows.idle(54 * MS).map(|(_, newest, idle)| (newest, idle)).collect();
    assert_eq!(idle, [(3 * MS, 51 * MS)]);
}

#[test]
fn a_standing_value_is_counted_across_windows() {
    let spec = WindowSpec { length: 4, hop: 4, lateness: 0, ..WindowSpec::default() };
    let mut input = rows(20);
    for row in &mut input[6..] {
        row.values[0] = 1.25;
    }
    let (out, _) = run(&spec, input);
    let runs: Vec<u32> = out.iter().map(|w| w.unchanged[0]).collect();
    assert_eq!(runs, [1, 2, 6, 10, 14]);
    assert!(out.iter().all(|w| w.unchanged[1] == 1));
}

#[test]
fn a_window_without_rows_is_refused() {
    let error = Windows::new(WindowSpec { length: 0, ..WindowSpec::default() }).unwrap_err();
    assert!(error.to_string().contains("at least 1"), "{error}");
}
