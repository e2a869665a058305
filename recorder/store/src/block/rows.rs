//! The open block of a series: samples as they arrive, one array per field.

use std::time::Instant;

use tidewire_idl::{Guid, KeyHash};

use crate::journal::record::SampleHead;

/// A block never has more rows than this, however small its payloads are.
pub const MAX_ROWS: usize = 1 << 16;

/// Samples of one series and one period that are in the journal but not yet in a shard.
#[derive(Clone, Debug)]
pub struct Rows {
    pub series: u32,
    pub period: i64,
    /// Journal seq of the first and the last sample.
    pub first_seq: u64,
    pub last_seq: u64,
    pub opened: Instant,
    pub source: Vec<i64>,
    pub reception: Vec<i64>,
    pub sequence: Vec<u64>,
    pub writer: Vec<Guid>,
    pub key: Vec<KeyHash>,
    pub state: Vec<u8>,
    /// End of each payload in `payload`.
    pub ends: Vec<u32>,
    pub payload: Vec<u8>,
    sorted: bool,
}

impl Rows {
    pub fn new(series: u32, period: i64) -> Self {
        Self {
            series,
            period,
            first_seq: 0,
            last_seq: 0,
            opened: Instant::now(),
            source: Vec::new(),
            reception: Vec::new(),
            sequence: Vec::new(),
            writer: Vec::new(),
            key: Vec::new(),
            state: Vec::new(),
            ends: Vec::new(),
            payload: Vec::new(),
            sorted: true,
        }
    }

    /// Empties it for another series; the buffers keep their room.
    pub fn reset(&mut self, series: u32, period: i64) {
        self.series = series;
        self.period = period;
        self.opened = Instant::now();
        self.sorted = true;
        self.source.clear();
        self.reception.clear();
        self.sequence.clear();
        self.writer.clear();
        self.key.clear();
        self.state.clear();
        self.ends.clear();
        self.payload.clear();
    }

    /// Appends a sample. The caller seals before `payload` reaches 4 GiB.
    pub fn push(&mut self, head: &SampleHead, payload: &[u8]) {
        if self.source.is_empty() {
            self.first_seq = head.seq;
        }
        self.last_seq = head.seq;
        self.sorted &= self.source.last().is_none_or(|&last| last <= head.source_time);
        self.source.push(head.source_time);
        self.reception.push(head.reception_time);
        self.sequence.push(head.sequence);
        self.writer.push(head.writer);
        self.key.push(head.key);
        self.state.push(head.state as u8);
        self.payload.extend_from_slice(payload);
        self.ends.push(self.payload.len() as u32);
    }

    pub fn len(&self) -> usize {
        self.source.len()
    }

    /// The payload of row `i`.
    pub fn payload(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        &self.payload[start..self.ends[i] as usize]
    }

    /// The same rows by (source time, arrival); `None` where they already are.
    pub fn sorted(&self) -> Option<Self> {
        if self.sorted {
            return None;
        }
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_by_key(|&i| self.source[i as usize]);
        let pick = |from: &[i64]| order.iter().map(|&i| from[i as usize]).collect();
        let mut ends = Vec::with_capacity(self.len());
        let mut payload = Vec::with_capacity(self.payload.len());
        for &i in &order {
            payload.extend_from_slice(self.payload(i as usize));
            ends.push(payload.len() as u32);
        }
        Some(Self {
            source: pick(&self.source),
            reception: pick(&self.reception),
            sequence: order.iter().map(|&i| self.sequence[i as usize]).collect(),
            writer: order.iter().map(|&i| self.writer[i as usize]).collect(),
            key: order.iter().map(|&i| self.key[i as usize]).collect(),
            state: order.iter().map(|&i| self.state[i as usize]).collect(),
            ends,
            payload,
            sorted: true,
            ..*self
        })
    }
}
