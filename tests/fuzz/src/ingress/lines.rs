//! Line protocol.

use std::borrow::Cow;

use tidewire_idl::{CdrType, TypeSupport};
use tidewire_ingress::frame::Frame;
use tidewire_ingress::line::{self, FieldValue, Line};
use tidewire_ingress::{Format, Reason};
use tidewire_types::line::{Field, Kind};
use tidewire_types::sensor::Temperature;

use super::fate::Fate;
use super::pieces;
use super::ways::{self, REFUSED};
use crate::input::Input;
use crate::random::Dice;

/// Lines with anything wrong in them through a Unix socket, cut anywhere, in packets and in
/// datagrams: what is right becomes the samples it says, the others are refused by number.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let max = 256 + input.below(512);
    let ingress = ways::ingress(max);
    let (way, mut text) = (input.below(3), Vec::new());
    for _ in 0..16 {
        let mut line = line(&mut input).into_bytes();
        if input.chance(4) {
            damage(&mut line, &mut input);
        }
        text.extend_from_slice(&line);
        if !input.more() {
            break;
        }
        text.extend_from_slice(if input.chance(4) { b"\r\n" } else { b"\n" });
    }
    let lines = text.split(|byte| *byte == b'\n').collect::<Vec<_>>();
    // An empty one at the end of a stream is none, and datagrams have none.
    let empty = |line: &[u8]| line.is_empty() && way > 0;
    let count = lines.len() - usize::from(text.is_empty() || text.ends_with(b"\n"));
    let lines: Vec<_> = lines[..count].iter().filter(|line| !empty(line)).collect();
    let mut samples = Vec::new();
    let fates: Vec<_> = lines.iter().map(|line| fate(line, max, &mut samples)).collect();
    let refused = fates.iter().filter_map(Fate::reason);
    if way == 2 {
        let (report, written) = ways::datagram(&ingress, Format::Lines, &text, &mut input);
        compare(&written, &samples);
        assert_eq!(report.rejected.values().sum::<u64>(), refused.count() as u64);
    } else if !text.is_empty() {
        let whole = std::slice::from_ref(&text);
        let parts = if way == 0 { ways::cut(&text, &mut input) } else { whole.to_vec() };
        let told = ways::connection(&ingress, Format::Lines, way == 1, &parts);
        compare(&told.written, &samples);
        let said = String::from_utf8(told.replies).expect("replies are UTF-8");
        let numbered = (1..).zip(&fates);
        let expected = numbered.filter_map(|(n, fate)| Some((n, fate.reason()?)));
        let mut said = said.lines();
        for (number, reason) in expected {
            let reply = said.next().unwrap_or_default();
            let (begins, ends) =
                (format!("error: line {number}: "), format!("({})", reason.name()));
            assert!(
                reply.starts_with(&begins) && reply.ends_with(&ends),
                "{begins}{ends}: {reply}"
            );
        }
        assert_eq!(said.next(), None, "what the client was told");
    }
    pieces::check(Format::Lines, max, &ways::cut(data, &mut input));
    pieces::check(Format::Lines, max, &ways::cut(&text, &mut input));
}

/// A sample a line says; without a time, when it arrived.
#[derive(Debug)]
struct Said {
    topic: String,
    time: Option<i64>,
    /// Whatever it is, where the line's type is one of the user's and its members are unusual.
    data: Option<Data>,
}

#[derive(Debug, PartialEq)]
enum Data {
    Field(Field),
    Temperature(Temperature),
}

fn compare(written: &[Vec<u8>], said: &[Said]) {
    assert_eq!(written.len(), said.len(), "{said:?}");
    for (bytes, said) in written.iter().zip(said) {
        let frame = Frame::decode(bytes).expect("it was written");
        assert_eq!(frame.topic, said.topic);
        said.time.inspect(|time| assert_eq!(frame.source_time, *time));
        let data = if frame.type_name == Field::TYPE_NAME {
            Data::Field(Field::decode(frame.payload).expect("a field"))
        } else {
            Data::Temperature(Temperature::decode(frame.payload).expect("a temperature"))
        };
        said.data.as_ref().inspect(|said| assert_eq!(&data, *said));
    }
}

/// What shall become of a line, and of its samples.
fn fate(bytes: &[u8], max: usize, samples: &mut Vec<Said>) -> Fate {
    let refused = |reason| Fate::Refused { id: 0, reason };
    if bytes.len() > max {
        return refused(Reason::TooLarge);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return refused(Reason::Malformed) };
    let line = match line::parse(text) {
        Ok(Some(line)) => line,
        Ok(None) => return Fate::Nothing,
        Err(reject) => return refused(reject.reason),
    };
    let found = if line.measurement == "temp" { temperature(&line) } else { fields(&line) };
    let Some(found) = found else { return refused(Reason::Type) };
    if ways::refuses(&line.measurement) {
        return refused(Reason::Topic);
    }
    samples.extend(found);
    Fate::Written { id: 0, answer: false }
}

/// The samples of a line of no type of the user's; `None` if they do not fit.
fn fields(line: &Line<'_>) -> Option<Vec<Said>> {
    let point = line.tags.iter().find(|(name, _)| name == "point");
    let mut tags: Vec<_> = line.tags.iter().filter(|(name, _)| name != "point").cloned().collect();
    tags.sort();
    let text = tags
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name, ",= "), escape(value, ",= ")))
        .collect::<Vec<_>>()
        .join(",");
    if !tags.is_empty() {
        let again = format!("m,{text} f=1");
        let again = line::parse(&again).expect("tags are kept as they are written");
        assert_eq!(again.map(|line| line.tags), Some(tags.clone()));
    }
    let sample = |(name, value): &(Cow<'_, str>, FieldValue<'_>)| {
        let mut field = Field {
            point: point.map_or("ingress", |(_, point)| point).to_owned(),
            tags: text.clone(),
            field: name.to_string(),
            ..Field::default()
        };
        (field.kind, field.number, field.integer) = match *value {
            FieldValue::Float(v) => (Kind::Float, v, 0),
            FieldValue::Integer(v) => (Kind::Integer, v as f64, v),
            FieldValue::Unsigned(v) => (Kind::Unsigned, v as f64, v as i64),
            FieldValue::Boolean(v) => (Kind::Boolean, if v { 1. } else { 0. }, i64::from(v)),
            FieldValue::String(ref v) => {
                field.text = v.to_string();
                (Kind::Text, 0., 0)
            }
        };
        field.validate().ok()?;
        let (topic, time) = (line.measurement.to_string(), line.timestamp);
        Some(Said { topic, time, data: Some(Data::Field(field)) })
    };
    line.fields.iter().map(sample).collect()
}

/// The sample of a line that is mapped; `None` if it does not fit.
fn temperature(line: &Line<'_>) -> Option<Vec<Said>> {
    let mut data = Temperature { point: "ingress".into(), celsius: 0.0 };
    let mut usual = true;
    for (name, value) in &line.tags {
        match (&**name, value.parse()) {
            ("point", _) => data.point = value.to_string(),
            ("celsius", Ok(celsius)) => (data.celsius, usual) = (celsius, false),
            _ => return None,
        }
    }
    for (name, value) in &line.fields {
        let taken = line.tags.iter().any(|(tag, _)| tag == name);
        match (&**name, value) {
            _ if taken => return None,
            ("point", FieldValue::String(point)) => data.point = point.to_string(),
            ("celsius", FieldValue::Float(celsius)) => data.celsius = *celsius,
            ("celsius", FieldValue::Integer(v)) => (data.celsius, usual) = (*v as f64, false),
            ("celsius", FieldValue::Unsigned(v)) => (data.celsius, usual) = (*v as f64, false),
            _ => return None,
        }
    }
    data.validate().ok()?;
    let data = usual.then_some(Data::Temperature(data));
    Some(vec![Said { topic: "t/temp".into(), time: line.timestamp, data }])
}

pub const WORDS: &[&str] =
    &["point", "temp", "celsius", "\\,", "\\=", "\\ ", "\\\"", "\\\\", ",", "=", "\"", "1i", "#"];

const NAMES: [&str; 12] = [
    "m",
    "host",
    "point",
    "temp",
    "celsius",
    REFUSED,
    "a b",
    "x,y=z",
    "ünï🍭",
    "\\n",
    "\"q\"",
    "t",
];

/// A right line, or a comment.
fn line(input: &mut Input<'_>) -> String {
    if input.chance(16) {
        let lead = ["", "#", " # "][input.below(3)];
        return if lead.is_empty() { String::new() } else { format!("{lead}{}", name(input)) };
    }
    let mut line = Line {
        measurement: name(input).into(),
        tags: (0..input.below(4)).map(|_| (name(input).into(), name(input).into())).collect(),
        fields: (0..1 + input.below(4)).map(|_| (name(input).into(), value(input))).collect(),
        timestamp: input.chance(2).then(|| input.next() as i64),
    };
    // A comment begins with one of these, and before it spaces are passed over.
    let start = line.measurement.trim_start_matches(['#', ' ', '\t']);
    line.measurement = if start.is_empty() { "m".into() } else { start.to_owned().into() };
    let mut seen = Vec::new();
    line.tags.retain(|(tag, _)| !seen.contains(tag) && (seen.push(tag.clone()), true).1);
    seen.clear();
    line.fields.retain(|(field, _)| !seen.contains(field) && (seen.push(field.clone()), true).1);
    let text = write(&line, input);
    let read = line::parse(&text).unwrap_or_else(|reject| panic!("{text:?}: {reject}"));
    assert_eq!(read.as_ref(), Some(&line), "{text:?}");
    text
}

fn write(line: &Line<'_>, input: &mut Input<'_>) -> String {
    let mut out = " ".repeat(input.below(8) / 6) + &escape(&line.measurement, ", ");
    for (tag, value) in &line.tags {
        out += &format!(",{}={}", escape(tag, ",= "), escape(value, ",= "));
    }
    for (i, (field, value)) in line.fields.iter().enumerate() {
        out += if i == 0 { [" ", "  "][input.below(2)] } else { "," };
        out += &format!(
            "{}={}",
            escape(field, ",= "),
            match value {
                FieldValue::Float(v) if input.chance(2) => format!("{v:e}"),
                FieldValue::Float(v) => v.to_string(),
                FieldValue::Integer(v) => format!("{v}i"),
                FieldValue::Unsigned(v) => format!("{v}u"),
                FieldValue::Boolean(v) => v.to_string(),
                FieldValue::String(v) => format!("\"{}\"", escape(v, "\"\\")),
            }
        );
    }
    if let Some(time) = line.timestamp {
        out += &format!("{}{time}", [" ", "   "][input.below(2)]);
    }
    out + &" ".repeat(input.below(8) / 6)
}

fn escape(text: &str, special: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

/// A name or a tag's value: not empty, no line feed or NUL, and no backslash at its end, which would
/// escape what follows.
fn name(input: &mut Input<'_>) -> String {
    if input.chance(4) {
        let text = String::from_utf8_lossy(input.bytes(24)).replace(['\n', '\0'], "");
        return text.trim_end_matches('\\').to_owned() + "x";
    }
    NAMES[input.below(NAMES.len())].to_owned()
}

fn value(input: &mut Input<'_>) -> FieldValue<'static> {
    match input.below(5) {
        0 => FieldValue::Integer(input.next() as i64),
        1 => FieldValue::Unsigned(input.next()),
        2 => FieldValue::Boolean(input.chance(2)),
        3 => FieldValue::String(name(input).into()),
        _ => {
            let value = f64::from_bits(input.next());
            FieldValue::Float(if value.is_finite() { value } else { 21.5 })
        }
    }
}

/// Changes some bytes, or makes the line very long.
fn damage(line: &mut Vec<u8>, input: &mut Input<'_>) {
    let special = b",= \\\"\n\r#i\0\xff.eE-+t1";
    for _ in 0..1 + input.below(4) {
        let at = input.below(line.len() + 1);
        let byte = special[input.below(special.len())];
        match input.below(6) {
            0 if at < line.len() => line[at] = input.next() as u8,
            1 if at < line.len() => drop(line.remove(at)),
            2 => line.truncate(at),
            3 => drop(line.splice(at..at, std::iter::repeat_n(byte, input.below(900)))),
            _ => line.insert(at, byte),
        }
    }
}
