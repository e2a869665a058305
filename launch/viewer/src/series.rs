//! Curves: the numeric columns of one topic at one point, thinned without losing peaks.

use std::collections::HashMap;
use std::fmt::Write;

use rerun::{RecordingStream, Scalars, TimeColumn};
use tidewire_idl::{CdrError, Column, ColumnSink, ColumnType, Columns, TypeHandle};

use crate::ViewError;
use crate::scene::{Scene, TIMELINE, topic_path};

/// All curves of one topic at one site: a set per point and instance.
pub struct TopicCurves {
    site: String,
    topic: String,
    columns: Columns,
    max_hz: f64,
    /// By point and instance: the entity path between topic and column.
    sets: HashMap<String, Vec<Option<Curve>>>,
    row: Row,
}

struct Curve {
    entity: String,
    thin: Thinner,
    times: Vec<i64>,
    values: Vec<f64>,
}

impl TopicCurves {
    /// Text, JSON and byte columns draw no curve.
    pub fn new(site: &str, topic: &str, ty: &TypeHandle, max_hz: f64) -> Self {
        let columns = Columns::new(ty);
        let roles = columns.columns().iter().map(Role::of).collect::<Vec<_>>();
        let row = Row { numbers: vec![None; roles.len()], roles, ..Row::default() };
        Self {
            site: site.to_owned(),
            topic: topic.to_owned(),
            columns,
            max_hz,
            sets: HashMap::new(),
            row,
        }
    }

    /// Adds one sample taken at `time` (ns since the Unix epoch). `writer` names the point where
    /// the type has no key member of that name.
    ///
    /// # Errors
    /// The payload is no sample of the type.
    pub fn push(
        &mut self,
        writer: &str,
        time: i64,
        payload: &[u8],
        scene: &mut Scene,
    ) -> Result<(), CdrError> {
        self.row.clear();
        self.columns.read(payload, &mut self.row)?;
        if self.row.point.is_empty() {
            self.row.point.push_str(writer);
        }
        let base = topic_path(&self.site, &self.row.point, &self.topic) + &self.row.key;
        if !self.sets.contains_key(&base) {
            let set = self.curves(&base);
            if set.iter().any(Option::is_some) {
                scene.add(&self.site, &self.row.point, &self.topic);
            }
            self.sets.insert(base.clone(), set);
        }
        let curves = self.sets.get_mut(&base).into_iter().flatten();
        for (curve, value) in curves.zip(&self.row.numbers) {
            if let (Some(curve), Some(value)) = (curve, value) {
                let (times, values) = (&mut curve.times, &mut curve.values);
                curve.thin.push(time, *value, |time, value| {
                    times.push(time);
                    values.push(value);
                });
            }
        }
        Ok(())
    }

    fn curves(&self, base: &str) -> Vec<Option<Curve>> {
        let draws = |column: &Column| {
            use ColumnType::{Bool, F32, F64, I64, U64};
            !column.key && matches!(column.ty, Bool | I64 | U64 | F32 | F64)
        };
        let curve = |column: &Column| Curve {
            entity: format!("{base}/{}", entity_name(&column.name)),
            thin: Thinner::new(self.max_hz),
            times: Vec::new(),
            values: Vec::new(),
        };
        self.columns.columns().iter().map(|column| draws(column).then(|| curve(column))).collect()
    }

    /// Sends what gathered since the last call.
    ///
    /// # Errors
    /// Rerun refused the chunk.
    pub fn flush(&mut self, stream: &RecordingStream) -> Result<(), ViewError> {
        let curves = self.sets.values_mut().flatten().flatten();
        for curve in curves.filter(|curve| !curve.times.is_empty()) {
            let times = std::mem::take(&mut curve.times);
            let values = std::mem::take(&mut curve.values);
            let columns = Scalars::new(values)
                .columns_of_unit_batches()
                .map_err(|error| ViewError::Rerun(error.to_string()))?;
            let time = TimeColumn::new_timestamp_nanos_since_epoch(TIMELINE, times);
            stream.send_columns(curve.entity.as_str(), [time], columns)?;
        }
        Ok(())
    }
}

/// Entity paths use `/` between parts; a member path uses `.`.
fn entity_name(column: &str) -> String {
    column.replace('.', "/").replace(['[', ']'], "")
}

/// Keeps the least and the greatest value of each interval, in the order they came.
pub struct Thinner {
    interval: i64,
    until: i64,
    low: (i64, f64),
    high: (i64, f64),
    any: bool,
}

impl Thinner {
    /// At most about `max_hz` points per second come out; 0 or less keeps every point.
    pub fn new(max_hz: f64) -> Self {
        // Two points leave an interval, so it is twice as long as the wanted spacing.
        let interval = if max_hz > 0.0 { (2e9 / max_hz) as i64 } else { 0 };
        Self { interval, until: i64::MIN, low: (0, 0.0), high: (0, 0.0), any: false }
    }

    /// Takes a point and hands out those of the interval it closes.
    pub fn push(&mut self, time: i64, value: f64, mut out: impl FnMut(i64, f64)) {
        if self.interval == 0 {
            return out(time, value);
        }
        if self.any && time < self.until {
            if value < self.low.1 {
                self.low = (time, value);
            }
            if value > self.high.1 {
                self.high = (time, value);
            }
            return;
        }
        if self.any {
            let (first, second) = if self.low.0 <= self.high.0 {
                (self.low, self.high)
            } else {
                (self.high, self.low)
            };
            out(first.0, first.1);
            if second.0 > first.0 {
                out(second.0, second.1);
            }
        }
        self.until = time.saturating_add(self.interval);
        self.low = (time, value);
        self.high = (time, value);
        self.any = true;
    }
}

/// What a key column says.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Value,
    Point,
    Instance,
}

impl Role {
    fn of(column: &Column) -> Self {
        match (column.key, column.name.as_str()) {
            (true, "point") => Self::Point,
            (true, _) => Self::Instance,
            (false, _) => Self::Value,
        }
    }
}

/// One sample: its numbers by column, its point, and the rest of its key.
#[derive(Default)]
struct Row {
    numbers: Vec<Option<f64>>,
    roles: Vec<Role>,
    point: String,
    /// `/AAPL` for a topic keyed by symbol: a level of the entity tree per key member.
    key: String,
}

impl Row {
    fn clear(&mut self) {
        self.numbers.fill(None);
        self.point.clear();
        self.key.clear();
    }

    fn set(&mut self, col: usize, value: f64) {
        self.numbers[col] = Some(value);
        if self.roles[col] == Role::Instance {
            // Writing into a String cannot fail.
            let _ = write!(self.key, "/{value}");
        }
    }
}

impl ColumnSink for Row {
    fn null(&mut self, _col: usize) {}
    fn bool(&mut self, col: usize, v: bool) {
        self.set(col, f64::from(u8::from(v)));
    }
    fn i64(&mut self, col: usize, v: i64) {
        self.set(col, v as f64);
    }
    fn u64(&mut self, col: usize, v: u64) {
        self.set(col, v as f64);
    }
    fn f32(&mut self, col: usize, v: f32) {
        self.set(col, f64::from(v));
    }
    fn f64(&mut self, col: usize, v: f64) {
        self.set(col, v);
    }
    fn text(&mut self, col: usize, v: &str) {
        match self.roles[col] {
            Role::Point => self.point.push_str(v),
            Role::Instance => {
                self.key.push('/');
                self.key.push_str(v);
            }
            Role::Value => {}
        }
    }
    fn bytes(&mut self, _col: usize, _v: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_peak_and_the_order() {
        let mut thin = Thinner::new(100.0);
        let mut kept = Vec::new();
        for i in 0..1000_i64 {
            let value = if i == 500 { 9.0 } else { (i % 3) as f64 };
            thin.push(i * 1_000_000, value, |time, value| kept.push((time, value)));
        }
        assert!(kept.contains(&(500_000_000, 9.0)), "the one peak must survive");
        assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0), "times must rise");
        assert!((80..=100).contains(&kept.len()), "one second at 100 Hz, got {}", kept.len());
    }

    #[test]
    fn no_limit_keeps_every_point() {
        let mut thin = Thinner::new(0.0);
        let mut kept = 0;
        (0..10).for_each(|i| thin.push(i, 1.0, |_, _| kept += 1));
        assert_eq!(kept, 10);
    }
}
