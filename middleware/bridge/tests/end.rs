//! A bridge ends when it is told to, whatever other sites do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tidewire_bridge::wire::{Header, VERSION, key_of};
use tidewire_bridge::{BridgeOptions, BridgeStats, run};
use tidewire_bus::testing::free_domain;
use tidewire_idl::TypeRegistry;
use zenoh::Wait;
use zenoh::qos::CongestionControl;

fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(20), "gave up waiting until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Another site, without a bridge.
fn site(endpoint: &str) -> zenoh::Session {
    let mut config = zenoh::Config::default();
    let settings = [
        ("listen/endpoints", "[\"tcp/127.0.0.1:0\"]".to_owned()),
        ("connect/endpoints", format!("[\"{endpoint}\"]")),
        ("scouting/multicast/enabled", "false".to_owned()),
    ];
    for (key, value) in settings {
        config.insert_json5(key, &value).unwrap();
    }
    zenoh::open(config).wait().unwrap()
}

/// Sends as fast as the bridge takes it.
fn send(session: &zenoh::Session, go_on: &AtomicBool) {
    let key = key_of("there", "topic");
    for sequence in 1.. {
        if !go_on.load(Ordering::Relaxed) {
            return;
        }
        let header = Header {
            v: VERSION,
            type_name: "T".into(),
            keyed: false,
            reliable: true,
            late: 0,
            writer: [1; 16],
            sequence,
            source_time: 1,
            key: [0; 16],
            state: 0,
        };
        let put = session.put(&key, [0, 1, 0, 0, 1, 2, 3, 4]).attachment(header.to_bytes());
        put.congestion_control(CongestionControl::Block).wait().unwrap();
    }
}

#[test]
fn a_bridge_ends_while_another_site_keeps_sending() {
    let endpoint = format!("tcp/127.0.0.1:{}", free_port());
    let options = BridgeOptions {
        site: "here".into(),
        domain: free_domain(),
        listen: vec![endpoint.clone()],
        ..BridgeOptions::default()
    };
    let (stop, stats) = (Arc::new(AtomicBool::new(false)), Arc::new(BridgeStats::default()));
    let ready = Arc::new(AtomicBool::new(false));
    let bridge = thread::spawn({
        let (stop, stats, ready) = (stop.clone(), stats.clone(), ready.clone());
        let opened = move || ready.store(true, Ordering::Relaxed);
        move || run(&options, &TypeRegistry::default(), &stop, &stats, opened)
    });
    until("the bridge is open", || ready.load(Ordering::Relaxed));
    let go_on = Arc::new(AtomicBool::new(true));
    let sender = thread::spawn({
        let go_on = go_on.clone();
        move || send(&site(&endpoint), &go_on)
    });
    until("samples cross", || stats.received.load(Ordering::Relaxed) > 0);

    stop.store(true, Ordering::Relaxed);
    until("the bridge has ended", || bridge.is_finished());
    bridge.join().unwrap().unwrap();
    go_on.store(false, Ordering::Relaxed);
    sender.join().unwrap();
}
