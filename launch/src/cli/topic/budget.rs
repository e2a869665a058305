//! The shared memory of a topic's writers on this host.

use serde_json::{Value, json};
use tidewire_bus::Segment;

use crate::cli::output::{self, bytes};

/// As JSON: the sums and each writer's part, in bytes.
pub fn json(segments: &[Segment]) -> Value {
    let part = |s: &Segment| {
        json!({
            "participant": s.participant,
            "readers": readers(s),
            "chunks": s.chunks,
            "chunk_size": s.chunk_size,
            "reserved": s.reserved,
            "used": s.used,
        })
    };
    let (reserved, used) = sums(segments);
    json!({
        "reserved": reserved,
        "used": used,
        "segments": segments.iter().map(part).collect::<Vec<_>>(),
    })
}

/// For people.
pub fn say(segments: &[Segment]) {
    let (reserved, used) = sums(segments);
    if segments.is_empty() {
        output::say("shared memory: none (no writer on this host has a reader here)");
        return;
    }
    output::say(&format!("shared memory: {} used, {} reserved", bytes(used), bytes(reserved)));
    for s in segments {
        output::say(&format!(
            "  {}  for {} readers  {} chunks of {} B  {} used, {} reserved",
            if s.participant.is_empty() { "?".into() } else { output::plain(&s.participant) },
            readers(s),
            s.chunks,
            s.chunk_size,
            bytes(s.used),
            bytes(s.reserved)
        ));
    }
}

fn readers(segment: &Segment) -> &'static str {
    if segment.reliable { "RELIABLE" } else { "BEST_EFFORT" }
}

fn sums(segments: &[Segment]) -> (u64, u64) {
    segments.iter().fold((0, 0), |(reserved, used), s| (reserved + s.reserved, used + s.used))
}
