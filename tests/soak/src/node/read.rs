//! The readers of a process, on one thread.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use tidewire_bus::{Guid, Participant, RawReader, RawTopic, ReadError, Reader, Sample};
use tidewire_types::bench::{Block1M, Block64};
use tidewire_types::sensor::Temperature;

use super::freeze::Freeze;
use super::{Order, complain, say};
use crate::books::{Read, Said, Track};
use crate::pattern;
use crate::topics::{Form, Topic};

/// Samples a reader keeps on loan, where they are large enough to be lent.
const KEEP: usize = 3;

enum Port {
    Plain(Reader<Block64>),
    Large(Reader<Block1M>),
    Bytes(RawReader),
    State(Reader<Temperature>),
}

struct Line {
    port: Port,
    name: &'static str,
    book: Read,
    tracks: HashMap<Guid, Track>,
    /// The last value of each instance, and who wrote it.
    values: HashMap<String, (Guid, u64)>,
    kept: VecDeque<Sample>,
}

pub struct Reading {
    bus: Participant,
    lines: Vec<Line>,
    freeze: Arc<Freeze>,
    /// Writers in the books that were told last.
    told: BTreeSet<String>,
}

impl Reading {
    pub fn open(
        bus: &Participant,
        topics: &[Topic],
        queue: Option<u32>,
        freeze: Arc<Freeze>,
    ) -> anyhow::Result<Self> {
        let mut lines = Vec::new();
        for (index, topic) in topics.iter().enumerate() {
            let qos = topic.reader_qos(queue);
            let port = match topic.form {
                Form::Plain => Port::Plain(bus.reader(topic.name, &qos)?),
                Form::Large => Port::Large(bus.reader(topic.name, &qos)?),
                Form::Bytes(..) => {
                    let raw = RawTopic::new(topic.name, "soak::Bytes", false);
                    Port::Bytes(bus.raw_reader(&raw, &qos)?)
                }
                Form::State => Port::State(bus.reader(topic.name, &qos)?),
            };
            lines.push(Line {
                port,
                name: topic.name,
                book: Read { topic: index, ..Read::default() },
                tracks: HashMap::new(),
                values: HashMap::new(),
                kept: VecDeque::new(),
            });
        }
        Ok(Self { bus: bus.clone(), lines, freeze, told: BTreeSet::new() })
    }

    pub fn run(&mut self, orders: &Receiver<Order>) {
        loop {
            let seen = self.bus.epoch();
            for line in &mut self.lines {
                if let Err(error) = line.drain() {
                    complain(format!("{}: {error}", line.name));
                }
            }
            match orders.try_recv() {
                Ok(Order::Quit) | Err(TryRecvError::Disconnected) => return,
                Ok(Order::Books) => self.tell(),
                Ok(Order::Go(writers)) => {
                    self.freeze.take_longest();
                    let stays = |writer: &Guid| stays(&writer.to_string(), &writers, &self.told);
                    for line in &mut self.lines {
                        line.tracks.retain(|writer, _| stays(writer));
                        line.tracks.values_mut().for_each(Track::close);
                        line.values.retain(|_, (writer, _)| stays(writer));
                    }
                }
                Ok(Order::Hold | Order::Mark) => (),
                Err(TryRecvError::Empty) => {
                    self.bus.wait_since(seen, Duration::from_millis(20));
                }
            }
        }
    }

    fn tell(&mut self) {
        let books: Vec<Read> = self.lines.iter().map(Line::told).collect();
        self.told = books.iter().flat_map(|book| book.tracks.keys().cloned()).collect();
        let value_writers = self.lines.iter().flat_map(|line| line.values.values());
        self.told.extend(value_writers.map(|(writer, _)| writer.to_string()));
        say(&Said::Read { books, frozen_ns: self.freeze.longest().as_nanos() as u64 });
    }
}

impl Line {
    /// Takes all there is.
    fn drain(&mut self) -> Result<(), ReadError> {
        let Self { port, book, tracks, values, kept, .. } = self;
        match port {
            Port::Plain(reader) => {
                while let Some(sample) = reader.take_loaned()? {
                    let counter = pattern::read(&sample.data);
                    note(book, tracks, sample.info().writer, counter);
                }
                book.lost = reader.lost();
            }
            Port::Large(reader) => {
                while let Some(sample) = reader.take_loaned()? {
                    let counter = pattern::read(&sample.data);
                    note(book, tracks, sample.info().writer, counter);
                }
                book.lost = reader.lost();
            }
            Port::Bytes(reader) => {
                while let Some(sample) = reader.take()? {
                    let counter = sample.payload.get(4..).and_then(pattern::read);
                    note(book, tracks, sample.info.writer, counter);
                    kept.push_back(sample);
                    if kept.len() > KEEP {
                        kept.pop_front();
                    }
                }
                book.lost = reader.lost();
            }
            Port::State(reader) => {
                while let Some(sample) = reader.take()? {
                    book.received += 1;
                    let value = (sample.info.writer, sample.data.celsius as u64);
                    values.insert(sample.data.point, value);
                }
            }
        }
        Ok(())
    }

    fn told(&self) -> Read {
        let tracks: BTreeMap<_, _> =
            self.tracks.iter().map(|(writer, track)| (writer.to_string(), track.clone())).collect();
        let values =
            self.values.iter().map(|(point, (_, value))| (point.clone(), *value)).collect();
        Read { tracks, values, ..self.book.clone() }
    }
}

/// Whether the books of a writer are kept when all but `living` ones are closed: those that came since the
/// stage heard the books are none of them. A process that is stopped obeys late.
fn stays(writer: &str, living: &BTreeSet<String>, told: &BTreeSet<String>) -> bool {
    living.contains(writer) || !told.contains(writer)
}

fn note(book: &mut Read, tracks: &mut HashMap<Guid, Track>, writer: Guid, counter: Option<u64>) {
    book.received += 1;
    match counter {
        Some(counter) => book.missing += tracks.entry(writer).or_default().see(counter),
        None => book.corrupt += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_of_newcomers_are_kept() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (living, told): (BTreeSet<_>, BTreeSet<_>) = (names(&["a"]), names(&["a", "gone"]));
        let stays = ["a", "gone", "new"].map(|writer| stays(writer, &living, &told));
        assert_eq!(stays, [true, false, true]);
    }
}
