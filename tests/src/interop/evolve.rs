use serde_json::Value;
use tidewire_qos::Qos;

use super::exchange::{default_like, write};
use super::{Load, Meeting, Vendor, Work, assert_same, by_instance, in_encoding, option, take};
use crate::PATIENCE;

/// Sample number `i` of `written`, as one sees it who knows the version `read`.
fn seen(written: &Work, read: &Work, i: u32) -> Value {
    let (from, to) = (written.json(i, 0), read.json(i, 0));
    let members = to.as_object().expect("a struct").iter();
    // Zero elements would hide what a default looks like.
    let member = |(name, value): (&String, &Value)| {
        let value = from.get(name).cloned().unwrap_or_else(|| default_like(value));
        (name.clone(), value)
    };
    Value::Object(members.map(member).collect())
}

/// They write one version of a type, and we read it as another.
///
/// # Panics
/// A member both versions have differs, or one they lack is not its default.
pub fn we_read_another_version(
    vendor: Vendor,
    theirs: &'static str,
    ours: &'static str,
    load: Load,
) {
    let Some(meeting) = Meeting::with(vendor) else { return };
    let (theirs, ours) = (Work::of(theirs), Work::of(ours));
    assert_eq!(theirs.type_name, ours.type_name);
    let reader = meeting.reader(&ours, "evolution", &Qos::reliable());
    let peer = &meeting.peer;
    let create = format!("writer w evolution {} {}", theirs.word, option(load.encoding));
    peer.tell(&create, "created");
    peer.tell("await w 1", "matched");
    reader.wait_for_writers(1, PATIENCE).expect("their writer is found");
    peer.tell(&format!("write w 0 {}", load.count), "written");
    let samples = take(&reader, load.count as usize);
    let got = by_instance(&ours, samples.iter().map(|sample| ours.decode(&sample.payload)));
    let wanted = by_instance(&ours, (0..load.count).map(|i| seen(&theirs, &ours, i)));
    assert_same(&got, &wanted);
    meeting.peer.quit();
}

/// We write one version of a type, and they read it as another.
///
/// # Panics
/// A member both versions have differs, or one they lack is not its default.
pub fn they_read_another_version(
    vendor: Vendor,
    ours: &'static str,
    theirs: &'static str,
    load: Load,
) {
    let Some(meeting) = Meeting::with(vendor) else { return };
    let (theirs, ours) = (Work::of(theirs), Work::of(ours));
    let qos = in_encoding(Qos::reliable(), load.encoding);
    let writer = meeting.writer(&ours, "evolution", &qos);
    let peer = &meeting.peer;
    let create = format!("reader r evolution {} {}", theirs.word, option(load.encoding));
    peer.tell(&create, "created");
    writer.wait_for_readers(1, PATIENCE).expect("their reader is found");
    peer.tell("await r 1", "matched");
    for i in 0..load.count {
        write(&writer, &ours.payload(i, 0, load.encoding));
    }
    let told = peer.received(load.count as usize);
    let got = by_instance(&theirs, told.iter().map(|line| line["value"].clone()));
    let wanted = by_instance(&theirs, (0..load.count).map(|i| seen(&ours, &theirs, i)));
    assert_same(&got, &wanted);
    meeting.peer.quit();
}
