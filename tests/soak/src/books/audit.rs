//! Whether the books of two sides balance.
//!
//! Samples "between live ends" are those from the first one of a writer that a reader took to the last
//! one written, both alive at the audit. Of them a RELIABLE reader got each once and in order, except
//! - over DDS, those that the writer was refused ([`WriteError::Timeout`]): it knows. And a few of those
//!   of 1 MiB, which `lost` counts and the stage limits: RustDDS gives up repairing a sample once 16 MiB
//!   of its topic have come after it, which takes six seconds here;
//! - on shared memory, those for which the reader made no room within `max_blocking_time` because it
//!   did not run for so long: `lost` counts them.
//!
//! [`WriteError::Timeout`]: tidewire_bus::WriteError::Timeout

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Read, Written};
use crate::topics::{DEPTH, Form, MAX_BLOCKING, Topic};

/// How long a write may take beside the wait of each transport: encoding, copying, and the scheduler of
/// a loaded machine. Time in which the whole process did not run is not counted.
const MARGIN: Duration = Duration::from_secs(1);

/// One process at the audit.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Its name.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// Whether it is on shared memory.
    pub shm: bool,
    /// Whether it is on DDS.
    pub dds: bool,
    /// Whether it was stopped, or came to life, since the last audit.
    pub disturbed: bool,
    /// The longest time it did not run since then.
    pub frozen: Duration,
    /// What it wrote.
    pub written: Vec<Written>,
    /// What it read.
    pub read: Vec<Read>,
}

/// What is known beside the books of the living.
#[derive(Debug, Default)]
pub struct Audit {
    /// Samples each writer was refused, by GUID.
    refused: BTreeMap<String, Refusals>,
    /// Samples refused so far.
    count: u64,
    /// Samples that readers miss because their writer was refused them: by process id and topic.
    excused: BTreeMap<(u32, usize), u64>,
    /// Pairs of ends that were compared.
    pub pairs: u64,
    /// Large samples that readers on DDS lost between live ends, and where.
    pub given_up: u64,
    pub gaps: Vec<String>,
}

/// Samples a writer was refused.
#[derive(Debug, Default)]
struct Refusals {
    /// Whether the writer is on shared memory.
    shm: bool,
    counters: BTreeSet<u64>,
}

impl Audit {
    /// Notes a sample that a writer was refused.
    pub fn refuse(&mut self, writer: &str, shm: bool, counter: u64) {
        self.count += 1;
        let refusals = self.refused.entry(writer.to_owned()).or_default();
        refusals.shm = shm;
        refusals.counters.insert(counter);
    }

    /// Samples that were refused so far.
    pub fn refused(&self) -> u64 {
        self.count
    }

    /// What does not balance, in words.
    pub fn check(&mut self, topics: &[Topic], sides: &[Side]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut writers = BTreeMap::new();
        for side in sides {
            for book in &side.written {
                writers.insert(book.writer.as_str(), (side, book));
                wrong.extend(Self::stalled(topics, side, book));
            }
        }
        for reader in sides {
            for book in &reader.read {
                self.alone(&topics[book.topic], reader, book, &mut wrong);
                let of_topic = writers.values().filter(|(writer, written)| {
                    let meet = writer.shm && reader.shm || writer.dds && reader.dds;
                    meet && written.topic == book.topic
                });
                for (writer, written) in of_topic {
                    self.pairs += 1;
                    let pair =
                        format!("{}: {} to {}", topics[book.topic].name, writer.name, reader.name);
                    let found = self.pair(&topics[book.topic], (writer, written), (reader, book));
                    wrong.extend(found.into_iter().map(|what| format!("{pair}: {what}")));
                }
            }
        }
        wrong
    }

    /// Forgets all writers but these: the others' books are closed for good.
    pub fn keep(&mut self, writers: &BTreeSet<String>) {
        self.refused.retain(|writer, _| writers.contains(writer));
    }

    /// Whether the writer was refused this sample.
    pub fn is_refused(&self, writer: &str, counter: u64) -> bool {
        self.refused.get(writer).is_some_and(|refused| refused.counters.contains(&counter))
    }

    /// A write ends within `max_blocking_time`, counted once for each transport it waits on.
    fn stalled(topics: &[Topic], side: &Side, book: &Written) -> Option<String> {
        let topic = &topics[book.topic];
        let waits = u32::from(side.shm) + u32::from(side.dds);
        let limit = if topic.is_reliable() { waits * MAX_BLOCKING + MARGIN } else { MARGIN };
        let stall = Duration::from_nanos(book.stall_ns);
        (stall > limit).then(|| {
            format!(
                "{}: a write of {} took {stall:?}, the limit is {limit:?}",
                topic.name, side.name
            )
        })
    }

    /// What a reader's books must say whoever wrote.
    fn alone(&mut self, topic: &Topic, side: &Side, book: &Read, wrong: &mut Vec<String>) {
        let here = format!("{}: {}", topic.name, side.name);
        if book.corrupt > 0 {
            wrong.push(format!("{here}: {} samples were not whole", book.corrupt));
        }
        for (writer, track) in &book.tracks {
            if track.repeats > 0 {
                wrong.push(format!(
                    "{here}: {} samples of {writer} came twice or late",
                    track.repeats
                ));
            }
        }
        if !topic.is_stream() {
            return;
        }
        let excused = self.excused.entry((side.pid, book.topic)).or_default();
        for (writer, track) in &book.tracks {
            // A sample that shared memory refuses has a number all the same, so `lost` counts it.
            if let Some(refused) = self.refused.get(writer).filter(|by| !(side.shm && by.shm)) {
                let counters = track.missing().filter(|counter| refused.counters.contains(counter));
                *excused += counters.count() as u64;
            }
        }
        if book.missing != book.lost + *excused {
            wrong.push(format!(
                "{here}: {} samples are missing, the reader says {} are lost and writers were refused {excused}",
                book.missing, book.lost
            ));
        }
    }

    fn pair(
        &mut self,
        topic: &Topic,
        (writer, written): (&Side, &Written),
        (reader, read): (&Side, &Read),
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        if written.last == 0 {
            return vec!["nothing was written".to_owned()];
        }
        if !topic.is_stream() {
            for (point, value) in &written.values {
                if read.values.get(point) != Some(value) {
                    let seen = read.values.get(point);
                    wrong
                        .push(format!("`{point}` was last {value}, and is {seen:?} to the reader"));
                }
            }
            return wrong;
        }
        let Some(track) = read.tracks.get(&written.writer) else {
            wrong.push("no sample ever came".to_owned());
            return wrong;
        };
        if !topic.is_reliable() {
            return wrong;
        }
        if track.last != written.last {
            wrong.push(format!("{} is the last sample that came of {}", track.last, written.last));
        }
        let by_shm = writer.shm && reader.shm;
        let paused = reader.disturbed || reader.frozen >= MAX_BLOCKING;
        let unexplained: Vec<u64> = track
            .missing()
            .filter(
                |counter| {
                    if by_shm { !paused } else { !self.is_refused(&written.writer, *counter) }
                },
            )
            .collect();
        if let (Some(first), Some(last)) = (unexplained.first(), unexplained.last()) {
            let many = unexplained.len();
            if by_shm || topic.form != Form::Large {
                wrong.push(format!("{many} samples between {first} and {last} never came"));
            } else {
                self.given_up += many as u64;
                self.gaps.push(format!(
                    "{many} of {first} to {last} of {} that {} was to have{}",
                    writer.name,
                    reader.name,
                    if paused { ", which was stopped" } else { "" }
                ));
            }
        }
        let history = written.last.saturating_sub(u64::from(DEPTH) - 1).max(1);
        if topic.is_durable() && track.first > history {
            wrong.push(format!(
                "a late joiner's history begins at {}, {} at the latest",
                track.first, history
            ));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::Track;
    use crate::topics::topics;

    const PLAIN: usize = 0;
    const LARGE: usize = 4;
    const EVENT: usize = 5;
    const STATE: usize = 6;

    fn track(numbers: impl IntoIterator<Item = u64>) -> Track {
        let mut track = Track::default();
        numbers.into_iter().for_each(|n| {
            track.see(n);
        });
        track
    }

    fn written(topic: usize, last: u64) -> Written {
        Written { topic, writer: "w".into(), last, ..Written::default() }
    }

    fn read(topic: usize, lost: u64, track: Track) -> Read {
        let missing = track.missing().count() as u64;
        let tracks = [("w".to_owned(), track)].into();
        Read { topic, lost, missing, tracks, ..Read::default() }
    }

    fn sides(shm: bool, written: Written, read: Read) -> [Side; 2] {
        let writer = Side {
            name: "writer".into(),
            shm,
            dds: !shm,
            written: vec![written],
            ..Side::default()
        };
        let reader =
            Side { name: "reader".into(), shm, dds: !shm, read: vec![read], ..Side::default() };
        [writer, reader]
    }

    #[track_caller]
    fn finds(audit: &mut Audit, sides: &[Side], words: &[&str]) {
        let wrong = audit.check(&topics(), sides);
        assert_eq!(wrong.len(), words.len(), "{wrong:?}");
        for (wrong, word) in wrong.iter().zip(words) {
            assert!(wrong.contains(word), "`{wrong}` lacks `{word}`");
        }
    }

    #[test]
    fn whole_books_balance() {
        let mut audit = Audit::default();
        finds(&mut audit, &sides(true, written(PLAIN, 9), read(PLAIN, 0, track(4..=9))), &[]);
        assert_eq!(audit.pairs, 1);
    }

    #[test]
    fn what_is_missing_doubled_or_broken_is_found() {
        let mut audit = Audit::default();
        let mut check = |read: Read, words: &[&str]| {
            finds(&mut audit, &sides(true, written(PLAIN, 9), read), words);
        };
        check(read(PLAIN, 0, track(4..=8)), &["8 is the last"]);
        check(read(PLAIN, 1, track([4, 5, 7, 8, 9])), &["between 6 and 6 never"]);
        check(read(PLAIN, 0, track([4, 5, 7, 8, 9])), &["1 samples are missing", "never came"]);
        check(read(PLAIN, 2, track(4..=9)), &["0 samples are missing"]);
        check(read(PLAIN, 0, track([8, 9, 9])), &["came twice"]);
        check(Read { corrupt: 1, ..read(PLAIN, 0, track(4..=9)) }, &["not whole"]);
        check(Read { topic: PLAIN, ..Read::default() }, &["no sample ever"]);
    }

    #[test]
    fn a_stopped_reader_may_lose_what_it_counts() {
        let gap = || read(PLAIN, 1, track([4, 5, 7, 8, 9]));
        let mut stopped = sides(true, written(PLAIN, 9), gap());
        stopped[1].disturbed = true;
        finds(&mut Audit::default(), &stopped, &[]);
        let mut asleep = sides(true, written(PLAIN, 9), gap());
        asleep[1].frozen = MAX_BLOCKING;
        finds(&mut Audit::default(), &asleep, &[]);
        let mut silent = sides(true, written(PLAIN, 9), Read { lost: 0, ..gap() });
        silent[1].disturbed = true;
        finds(&mut Audit::default(), &silent, &["the reader says 0"]);
    }

    #[test]
    fn over_dds_what_is_missing_was_refused_or_is_counted() {
        let gap = || read(PLAIN, 0, track([4, 5, 7, 8, 9]));
        let mut audit = Audit::default();
        audit.refuse("w", false, 6);
        finds(&mut audit, &sides(false, written(PLAIN, 9), gap()), &[]);
        assert_eq!(audit.given_up, 0);
        let lost = sides(false, written(PLAIN, 9), Read { lost: 1, ..gap() });
        finds(&mut Audit::default(), &lost, &["between 6 and 6 never"]);
        let large = Read { topic: LARGE, lost: 1, ..gap() };
        let mut audit = Audit::default();
        finds(&mut audit, &sides(false, written(LARGE, 9), large), &[]);
        assert_eq!((audit.given_up, audit.gaps.len()), (1, 1), "the stage has a limit for these");
        let silent = sides(false, written(PLAIN, 9), gap());
        finds(&mut Audit::default(), &silent, &["the reader says 0", "never"]);
    }

    #[test]
    fn histories_values_and_stalls_are_looked_at() {
        let last = 2 * u64::from(DEPTH);
        let late = |first| sides(true, written(EVENT, last), read(EVENT, 0, track(first..=last)));
        let due = u64::from(DEPTH) + 1;
        finds(&mut Audit::default(), &late(due), &[]);
        finds(&mut Audit::default(), &late(due + 1), &["a late joiner"]);

        let values = |value| BTreeMap::from([("p".to_owned(), value)]);
        let state = |seen| {
            let wrote = Written { values: values(7), ..written(STATE, 9) };
            sides(true, wrote, Read { topic: STATE, values: values(seen), ..Read::default() })
        };
        finds(&mut Audit::default(), &state(7), &[]);
        finds(&mut Audit::default(), &state(6), &["`p` was last 7"]);

        let slow = |stall_ns| {
            let wrote = Written { stall_ns, ..written(PLAIN, 9) };
            sides(false, wrote, read(PLAIN, 0, track(4..=9)))
        };
        let limit = (MAX_BLOCKING + MARGIN).as_nanos() as u64;
        finds(&mut Audit::default(), &slow(limit), &[]);
        finds(&mut Audit::default(), &slow(limit + 1), &["took"]);
    }
}
