//! Finding topics: discovery takes a moment, and names get mistyped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use tidewire_bus::{BusError, Participant, RawReader, RawTopic, TopicInfo};
use tidewire_idl::TypeHandle;
use tidewire_qos::{Profile, Qos, Reliability};

use crate::cli::live::Screen;
use crate::cli::output;
use crate::node::Stop;

/// Without news for so long, discovery is quiet.
const QUIET: Duration = Duration::from_millis(500);

/// Waits until topics are there and discovery is quiet, at most `longest`.
pub fn settled(participant: &Participant, longest: Duration, stop: &Stop) -> Vec<TopicInfo> {
    found(participant, longest, stop, |topics| !topics.is_empty())
}

/// As [`settled`], for something wanted: until it `is_there`. What a quiet bus does not show yet may
/// come, so that `longest` must be over before anybody says that it is not there.
pub fn found(
    participant: &Participant,
    longest: Duration,
    stop: &Stop,
    mut is_there: impl FnMut(&[TopicInfo]) -> bool,
) -> Vec<TopicInfo> {
    let begun = Instant::now();
    let (mut known, mut changed) = (None, begun);
    stop.wait_or(|| {
        let topics = participant.topics();
        let now = Some(Shape::of(participant, &topics));
        if now != known {
            (known, changed) = (now, Instant::now());
        }
        let quiet = changed.elapsed() >= QUIET;
        begun.elapsed() >= longest || (is_there(&topics) && quiet)
    });
    sorted(participant)
}

/// As [`settled`], but looks for `time` even when it is quiet: to say that something is not there.
pub fn looked(participant: &Participant, time: Duration, stop: &Stop) -> Vec<TopicInfo> {
    let begun = Instant::now();
    stop.wait_or(|| begun.elapsed() >= time);
    sorted(participant)
}

/// What is discovered now, by name.
pub fn sorted(participant: &Participant) -> Vec<TopicInfo> {
    let mut topics = participant.topics();
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    topics
}

/// Shows what `text` says whenever it says something new: in place on a terminal, one after the other
/// elsewhere.
pub fn redrawn(
    stop: &Stop,
    mut text: impl FnMut() -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let mut screen = Screen::new();
    let mut shown = String::new();
    let mut outcome = Ok(());
    let mut looked: Option<Instant> = None;
    stop.wait_or(|| {
        if looked.is_some_and(|at| at.elapsed() < Duration::from_millis(250)) {
            return false;
        }
        looked = Some(Instant::now());
        match text() {
            Ok(text) if text == shown => false,
            Ok(text) => {
                screen.put(&text);
                shown = text;
                false
            }
            Err(error) => {
                outcome = Err(error);
                true
            }
        }
    });
    outcome
}

/// Who is there, and how many writers and readers each topic has.
#[derive(PartialEq)]
struct Shape {
    participants: Vec<Arc<str>>,
    topics: Vec<(String, usize, usize)>,
}

impl Shape {
    fn of(participant: &Participant, topics: &[TopicInfo]) -> Self {
        let participants = participant.participants().into_iter().map(|p| p.name);
        let ends = |t: &TopicInfo| (t.name.clone(), t.writers.len(), t.readers.len());
        Self { participants: participants.collect(), topics: topics.iter().map(ends).collect() }
    }
}

/// Waits for a topic to be written; after two seconds says what there is instead.
pub fn topic(
    participant: &Participant,
    name: &str,
    timeout: Option<Duration>,
    stop: &Stop,
) -> anyhow::Result<Option<TopicInfo>> {
    let begun = Instant::now();
    let mut told = false;
    loop {
        let topics = participant.topics();
        if let Some(found) = topics.iter().find(|t| t.name == name && !t.writers.is_empty()) {
            return Ok(Some(found.clone()));
        }
        if stop.is_set() {
            return Ok(None);
        }
        if timeout.is_some_and(|timeout| begun.elapsed() >= timeout) {
            bail!("{}", nobody(participant, name));
        }
        if !told && begun.elapsed() >= Duration::from_secs(2) {
            told = true;
            output::note(&format!("waiting: {}", nobody(participant, name)));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Nobody writes a topic: what there is instead.
pub fn nobody(participant: &Participant, name: &str) -> String {
    format!(
        "nobody writes topic `{name}` in domain {}; {}",
        participant.domain(),
        others(&participant.topics(), name)
    )
}

/// What there is to be read, the nearest name first.
pub fn others(topics: &[TopicInfo], name: &str) -> String {
    let written = topics.iter().filter(|t| !t.writers.is_empty());
    suggest(written.map(|t| t.name.as_str()).collect(), name, "written")
}

/// What somebody else reads, the nearest name first.
pub fn readable(participant: &Participant, name: &str) -> String {
    let topics = participant.topics();
    let read = topics.iter().filter(|t| t.readers.iter().any(|reader| !reader.own));
    suggest(read.map(|t| t.name.as_str()).collect(), name, "read")
}

fn suggest(mut names: Vec<&str>, name: &str, how: &str) -> String {
    if names.is_empty() {
        return format!("no topic is {how} there at all: is `--domain` right?");
    }
    names.sort_by_key(|other| distance(name, other));
    let nearest = if distance(name, names[0]) <= 1 + name.len() / 3 {
        format!("did you mean `{}`? ", names[0])
    } else {
        String::new()
    };
    names.truncate(12);
    names.sort_unstable();
    format!("{nearest}{how} are: {}", names.join(", "))
}

/// Levenshtein's: single-character edits from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A reader that matches the topic's first writer, unless a profile says otherwise.
pub fn reader(
    participant: &Participant,
    info: &TopicInfo,
    profile: Option<&Profile>,
) -> anyhow::Result<RawReader> {
    let (raw, qos) = wanted(info, profile);
    Ok(participant.raw_reader(&raw, &qos)?)
}

/// As [`reader`], one that tells instances apart where the type is known.
pub fn reader_of(
    participant: &Participant,
    info: &TopicInfo,
    ty: Option<&TypeHandle>,
    profile: Option<&Profile>,
) -> anyhow::Result<RawReader> {
    let (raw, qos) = wanted(info, profile);
    Ok(open(participant, &raw, ty, &qos)?)
}

/// As [`reader_of`], one that matches the topic's writers but for what `change` changes.
pub fn reader_as(
    participant: &Participant,
    info: &TopicInfo,
    ty: Option<&TypeHandle>,
    change: impl FnOnce(&mut Qos),
) -> anyhow::Result<RawReader> {
    let (raw, mut qos) = wanted(info, None);
    change(&mut qos);
    Ok(open(participant, &raw, ty, &qos)?)
}

fn open(
    participant: &Participant,
    raw: &RawTopic,
    ty: Option<&TypeHandle>,
    qos: &Qos,
) -> Result<RawReader, BusError> {
    match ty {
        Some(ty) => participant.raw_reader_of(raw, ty, qos),
        None => participant.raw_reader(raw, qos),
    }
}

/// What a reader is to let pass.
pub struct Only<'a> {
    /// The topic's type.
    pub ty: &'a TypeHandle,
    /// The filter expression.
    pub expression: &'a str,
}

/// As [`reader`], of some samples.
pub fn filtered(
    participant: &Participant,
    info: &TopicInfo,
    profile: Option<&Profile>,
    only: Only<'_>,
) -> Result<RawReader, BusError> {
    let (raw, qos) = wanted(info, profile);
    participant.raw_reader_filtered(&raw, only.ty, &qos, only.expression, &[])
}

fn wanted(info: &TopicInfo, profile: Option<&Profile>) -> (RawTopic, Qos) {
    let qos = profile.map_or_else(|| matching(info), |profile| profile.reader_qos(&info.name));
    let TopicInfo { name, type_name, keyed, .. } = info;
    (RawTopic::new(name, type_name, *keyed), qos)
}

fn matching(info: &TopicInfo) -> Qos {
    let mut qos = Qos::reliable();
    // A reader may ask for less than any of its writers offers.
    if info.writers.iter().any(|w| w.qos.reliability == Reliability::BestEffort) {
        qos.reliability = Reliability::BestEffort;
    }
    // Under TRANSIENT and more a durability service sends what writers have left, too.
    qos.durability = info.writers.iter().map(|w| w.qos.durability).min().unwrap_or_default();
    if let Some(writer) = info.writers.first() {
        qos.partition = writer.qos.partition.clone();
        qos.ownership = writer.qos.ownership;
    }
    qos
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(distance("vibration", "vibraton"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
