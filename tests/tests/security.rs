//! DDS Security beside other vendors: the Cyclone backend and a secured Fast DDS or Cyclone DDS 0.10
//! exchange samples, and those vendors' programs without a certificate are kept out.

#[path = "../../middleware/cyclone/tests/common/keys.rs"]
mod keys;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keys::Keys;
use parking_lot::Mutex;
use tidewire_bus::testing::free_domain;
use tidewire_bus::{KeyHash, now_ns};
use tidewire_cyclone::{DdsOptions, DdsParticipant, DdsSample, Sink};
use tidewire_idl::{Encoding, KeyReader};
use tidewire_qos::{Durability, Qos};
use tidewire_tests::interop::{NativePeer, Vendor, Work, by_instance};
use tidewire_tests::{PATIENCE, text, tidewire};
use tidewire_transport::EndpointSpec;

const COUNT: u32 = 100;

/// Collects what a reader gets.
struct Collect {
    keys: KeyReader,
    samples: Mutex<Vec<DdsSample>>,
}

impl Sink for Collect {
    fn key_of(&self, payload: &[u8]) -> KeyHash {
        self.keys.key_hash(payload).unwrap_or_default()
    }
    fn key_of_disposed(&self, _key_payload: &[u8]) -> KeyHash {
        KeyHash::default()
    }
    fn deliver(&self, sample: DdsSample) {
        self.samples.lock().push(sample);
    }
    fn flush(&self) {}
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Where the system keeps the plugins of its Cyclone DDS.
fn plugins() -> Option<PathBuf> {
    let libraries =
        std::fs::read_dir("/usr/lib").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let inner = libraries.flat_map(|dir| {
        let entries = std::fs::read_dir(&dir).into_iter().flatten();
        let below: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        below.into_iter().chain([dir])
    });
    inner.into_iter().find(|dir| dir.join("libdds_security_auth.so").exists())
}

/// The vendor's program, with the credentials in `folder`.
fn secured(vendor: Vendor, domain: u16, folder: &std::path::Path) -> Option<NativePeer> {
    let mut command = format!("participant {domain} keys={}", folder.display());
    let program = vendor.build()?;
    if vendor == Vendor::Cyclone010 {
        let Some(plugins) = plugins() else {
            eprintln!("skipped: this system's Cyclone DDS has no security plugins");
            return None;
        };
        command += &format!(" plugins={}", plugins.display());
    }
    let peer = NativePeer::spawn(&mut std::process::Command::new(program));
    peer.tell(&command, "joined");
    Some(peer)
}

fn both_ways(vendor: Vendor, rtps: &str) {
    let keys = Keys::new(&["us", "them"]);
    keys.edit(
        "governance.xml",
        "<rtps_protection_kind>SIGN",
        &format!("<rtps_protection_kind>{rtps}"),
    );
    let domain = free_domain();
    let Some(peer) = secured(vendor, domain, &keys.folder("them")) else { return };
    let stranger = vendor.start(domain).expect("the same program");
    let mut options = DdsOptions::new(domain, "us");
    options.security = Some(keys.of("us"));
    let us = DdsParticipant::start(options).unwrap();
    let work = Work::of("Valve");
    let spec = |topic: &str| {
        let mut spec = EndpointSpec::new(topic, &*work.type_name, work.keyed);
        // A VOLATILE reader of Cyclone takes up with a writer at its first HEARTBEAT, which may follow
        // some samples.
        spec.qos = Qos { durability: Durability::TransientLocal, ..Qos::reliable() };
        spec
    };
    let keys_of = || KeyReader::new(&work.ty).expect("a type with a key");
    let got = Arc::new(Collect { keys: keys_of(), samples: Mutex::default() });
    let reader = us.reader(&spec("theirs"), got.clone()).unwrap();
    let writer = us.writer(&spec("ours")).unwrap();
    for peer in [&stranger, &peer] {
        peer.tell("writer w theirs Valve xcdr1 transient_local", "created");
        peer.tell("reader r ours Valve xcdr1 transient_local", "created");
    }
    stranger.tell("write w 1000 3", "written");
    peer.tell("await w 1", "matched");
    peer.tell("await r 1", "matched");
    wait("their endpoints", || !reader.matched().is_empty() && !writer.matched().is_empty());

    peer.tell(&format!("write w 0 {COUNT}"), "written");
    wait("their samples", || got.samples.lock().len() >= COUNT as usize);
    for i in 0..COUNT {
        let payload = work.payload(i, 64, Encoding::XCDR1);
        let key = keys_of().key_hash(&payload).unwrap();
        assert_eq!(writer.write(payload.into(), key, now_ns()).unwrap(), u64::from(i) + 1);
    }
    let told = peer.received(COUNT as usize).into_iter().map(|line| line["value"].clone());
    let wanted = by_instance(&work, (0..COUNT).map(|i| work.json(i, 64)));
    assert_eq!(by_instance(&work, told), wanted);
    stranger.tell("write w 1000 3", "written");
    peer.tell("write w 100 1", "written");
    wait("one more", || got.samples.lock().len() > COUNT as usize);
    let samples = got.samples.lock();
    for (i, sample) in samples.iter().enumerate() {
        assert_eq!(sample.sequence, i as u64 + 1);
        assert_eq!(work.decode(&sample.payload), work.json(i as u32, 64));
    }
    // Who has no certificate has heard nothing, and was not heard.
    assert_eq!(samples.len(), COUNT as usize + 1);
    let heard = stranger.said();
    assert!(heard.iter().all(|line| line["event"] != "received"), "{heard:?}");
    assert_eq!((reader.matched().len(), writer.matched().len()), (1, 1));
    stranger.quit();
    peer.quit();
}

#[test]
fn a_secured_cyclone_exchanges_samples_with_us() {
    both_ways(Vendor::Cyclone010, "SIGN");
    both_ways(Vendor::Cyclone010, "ENCRYPT");
}

#[test]
fn a_secured_fast_dds_exchanges_samples_with_us() {
    both_ways(Vendor::FastDds, "SIGN");
    both_ways(Vendor::FastDds, "ENCRYPT");
}

#[test]
fn a_build_without_it_refuses_the_profile_and_joins_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secure.xml");
    let properties = tidewire_qos::Security::in_folder(dir.path());
    let properties: String = properties
        .properties()
        .map(|(name, uri)| format!("<element><name>{name}</name><value>{uri}</value></element>"))
        .collect();
    let profile = format!(
        "<dds><qos_library name=\"L\"><qos_profile name=\"Secure\"><domain_participant_qos><property><value>\
         {properties}</value></property></domain_participant_qos></qos_profile></qos_library></dds>"
    );
    std::fs::write(&file, profile).unwrap();
    let domain = free_domain().to_string();
    let qos = text(&file);
    for command in [
        &["topic", "list", "--domain", &domain, "--qos", qos][..],
        &["topic", "echo", "t", "--domain", &domain, "--qos", qos],
        &["record", "-o", text(&dir.path().join("run")), "--domain", &domain, "--qos", qos],
    ] {
        let output = tidewire(command).env_remove("TIDEWIRE_DDS").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{command:?}");
        assert!(said.contains("DDS Security is not supported by the RustDDS backend"), "{said}");
        assert!(said.contains("--dds cyclone"), "{said}");
    }
}
