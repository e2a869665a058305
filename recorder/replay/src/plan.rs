//! From options and a recording to what is played.

use std::sync::Arc;

use regex::Regex;
use tidewire_idl::TypeHandle;
use tidewire_qos::Qos;
use tidewire_qos::fnmatch::{fnmatch, has_wildcard};
use tidewire_qos::policy::DataRepresentation;
use tidewire_store::{StoreReader, TopicSummary};

use crate::error::ReplayError;
use crate::options::ReplayOptions;
use crate::voice::representation;

/// One topic to play.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    /// The recorded name.
    pub(crate) recorded: String,
    /// The name on the bus.
    pub(crate) topic: String,
    pub(crate) type_name: String,
    pub(crate) keyed: bool,
    /// What may be announced.
    pub(crate) ty: Option<TypeHandle>,
    pub(crate) qos: Qos,
    /// Of the first sample that is played: writers of both may have been recorded.
    pub(crate) representation: DataRepresentation,
}

/// The tracks and the times between which they are played, ns since the Unix epoch, inclusive.
pub(crate) struct Plan {
    pub(crate) tracks: Vec<Track>,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl Plan {
    pub(crate) fn new(reader: &StoreReader, options: &ReplayOptions) -> Result<Self, ReplayError> {
        check(options)?;
        let recorded = reader.topics();
        let regex =
            options.regex.as_deref().map(Regex::new).transpose().map_err(|error| {
                ReplayError::Option { option: "regex", what: error.to_string() }
            })?;
        for name in options.topics.iter().filter(|name| !has_wildcard(name)) {
            find(&recorded, "topics", name)?;
        }
        for remap in &options.remap {
            find(&recorded, "remap", &remap.from)?;
        }
        let named = |patterns: &[String], topic: &str| {
            patterns.iter().any(|p| p == topic || fnmatch(p, topic))
        };
        let selected = |topic: &str| {
            let all = options.topics.is_empty() && regex.is_none();
            let found = regex.as_ref().is_some_and(|r| r.is_match(topic));
            (all || found || named(&options.topics, topic)) && !named(&options.exclude, topic)
        };
        let mut tracks: Vec<Track> =
            recorded.iter().filter(|t| selected(&t.meta.name)).map(|t| track(t, options)).collect();
        if tracks.is_empty() {
            return Err(ReplayError::NothingSelected { known: names(&recorded) });
        }
        let first = recorded.iter().filter_map(|t| t.first).min().unwrap_or(0);
        let last = recorded.iter().filter_map(|t| t.last).max().unwrap_or(0);
        let start = first.saturating_add(nanoseconds(options.start_offset));
        let end = match options.end_offset {
            Some(offset) => first.saturating_add(nanoseconds(offset)).min(last),
            None => last,
        };
        if start > last {
            return Err(ReplayError::Option {
                option: "start_offset",
                what: format!(
                    "{} s is past the recording's end; it lasts {:.3} s",
                    options.start_offset,
                    (last - first) as f64 / 1e9
                ),
            });
        }
        for track in &mut tracks {
            track.representation =
                encoded(reader, track, start, end).unwrap_or(track.representation);
        }
        Ok(Self { tracks, start, end })
    }
}

fn track(summary: &TopicSummary, options: &ReplayOptions) -> Track {
    let meta = &summary.meta;
    let topic = options
        .remap
        .iter()
        .find(|remap| remap.from == meta.name)
        .map_or_else(|| meta.name.clone(), |remap| remap.to.clone());
    // A recording without QoS, such as an imported one: nothing may get lost.
    let qos = serde_json::from_value(meta.qos.clone()).unwrap_or_else(|_| Qos::reliable());
    Track {
        recorded: meta.name.clone(),
        topic,
        type_name: meta.type_name.clone(),
        keyed: meta.keyed,
        // A type of which only the minimal TypeObject was heard has no name, nor have its members.
        ty: meta.descriptor.clone().filter(|ty| ty.name == meta.type_name).map(Arc::new),
        representation: qos.representations()[0],
        qos,
    }
}

/// How the first sample to be played is encoded; `None` if there is none, or it does not say. What
/// cannot be read is told when it is played.
fn encoded(
    reader: &StoreReader,
    track: &Track,
    start: i64,
    end: i64,
) -> Option<DataRepresentation> {
    let mut samples = reader.merged(&[&track.recorded], Some(start), end.checked_add(1)).ok()?;
    let (_, first) = samples.find_map(Result::ok)?;
    (first.payload.len() >= 4).then(|| representation(&first.payload))
}

fn check(options: &ReplayOptions) -> Result<(), ReplayError> {
    let bad = |option, what: String| Err(ReplayError::Option { option, what });
    if options.rate.is_nan() || options.rate <= 0.0 {
        return bad(
            "rate",
            format!("{} is not above 0; 1 is as recorded, inf as fast as can be", options.rate),
        );
    }
    for (option, value) in [
        ("start_offset", Some(options.start_offset)),
        ("end_offset", options.end_offset),
        ("wait", Some(options.wait)),
    ] {
        if let Some(value) = value.filter(|v| !v.is_finite() || *v < 0.0) {
            return bad(option, format!("{value} is no number of seconds from 0 on"));
        }
    }
    Ok(())
}

fn find(recorded: &[TopicSummary], option: &'static str, name: &str) -> Result<(), ReplayError> {
    if recorded.iter().any(|t| t.meta.name == name) {
        return Ok(());
    }
    Err(ReplayError::UnknownTopic { option, name: name.to_owned(), known: names(recorded) })
}

fn names(recorded: &[TopicSummary]) -> String {
    if recorded.is_empty() {
        return "none".into();
    }
    recorded.iter().map(|t| format!("\"{}\"", t.meta.name)).collect::<Vec<_>>().join(", ")
}

/// Saturates at the ends of time.
fn nanoseconds(seconds: f64) -> i64 {
    (seconds * 1e9) as i64
}
