//! Between hosts: two network namespaces and a cable that loses, delays and reorders frames. RELIABLE
//! loses nothing, counted sample by sample.

use tidewire_bus::Participant;
use tidewire_bus::testing::free_domain;
use tidewire_qos::Qos;
use tidewire_tests::interop::{self, Load, Meeting, NativePeer, Vendor, Work};
use tidewire_tests::{Namespace, PATIENCE, TwoHosts, Weather};

/// How a host joins a domain: the same stories hold for every backend and every way of discovery.
type Join = fn(u16) -> Participant;

/// A participant and the host it is on: endpoints announce the addresses of the thread that makes them.
type Place<'a> = (&'a Namespace, &'a Participant);

/// A keyed topic one way: small samples, then samples of many datagrams.
fn one_way(from: Place, to: Place, topic: &str, loads: &[Load]) {
    let work = Work::of("View");
    let reader = to.0.enter(|| interop::reader(to.1, &work, topic, &Qos::reliable()));
    let writer = from.0.enter(|| interop::writer(from.1, &work, topic, &Qos::reliable()));
    writer.wait_for_readers(1, PATIENCE).expect("the reader is found");
    reader.wait_for_writers(1, PATIENCE).expect("the writer is found");
    for load in loads {
        std::thread::scope(|scope| {
            let samples = scope.spawn(|| interop::take(&reader, load.count as usize));
            for i in 0..load.count {
                interop::write(&writer, &work.payload(i, load.size, load.encoding));
            }
            let samples = samples.join().expect("every sample comes");
            interop::check(&work, &samples, *load);
        });
    }
    assert_eq!(reader.lost(), 0);
    assert!(reader.take().expect("readable").is_none(), "a sample too many");
}

/// Both directions at once; gives the frames that were lost and reordered.
fn both_ways(weather: Weather, join: Join, loads: &[Load]) -> Option<(u64, u64)> {
    let hosts = TwoHosts::joined(weather)?;
    let domain = free_domain();
    {
        let bus = [&hosts.left, &hosts.right].map(|host| host.enter(|| join(domain)));
        let (left, right) = ((&hosts.left, &bus[0]), (&hosts.right, &bus[1]));
        std::thread::scope(|scope| {
            scope.spawn(|| one_way(left, right, "there", loads));
            scope.spawn(|| one_way(right, left, "back", loads));
        });
    }
    Some(hosts.part())
}

/// The first tell how large the others will be: RustDDS keeps by number what nobody has taken yet.
const LOADS: [Load; 3] = [Load::small(300), Load::small(2000), Load::large(20, 200_000)];

fn weather(loss: f64, delay: f64, reorder: f64) -> Weather {
    Weather { loss, delay, reorder, ..Weather::default() }
}

#[test]
fn multicast_discovery_and_large_samples_cross_a_good_cable() {
    both_ways(
        Weather::default(),
        interop::participant,
        &[Load::small(300), Load::large(1, 4 << 20)],
    );
}

#[test]
fn nothing_is_lost_where_one_frame_in_a_hundred_is() {
    let seen = both_ways(weather(1.0, 0.0, 0.0), interop::participant, &LOADS);
    assert!(seen.is_none_or(|(lost, _)| lost > 0), "{seen:?}");
}

#[test]
fn nothing_is_lost_where_one_frame_in_twenty_is() {
    let seen = both_ways(weather(5.0, 0.0, 0.0), interop::participant, &LOADS);
    assert!(seen.is_none_or(|(lost, _)| lost > 0), "{seen:?}");
}

#[test]
fn nothing_is_lost_on_a_long_way() {
    both_ways(weather(0.0, 50.0, 0.0), interop::participant, &LOADS);
}

#[test]
fn nothing_is_lost_or_out_of_order_where_frames_overtake_each_other() {
    let seen = both_ways(weather(0.0, 1.0, 10.0), interop::participant, &LOADS);
    assert!(seen.is_none_or(|(_, reordered)| reordered > 0), "{seen:?}");
}

/// RustDDS has no unicast discovery.
#[cfg(feature = "cyclone")]
#[test]
fn peers_meet_where_no_multicast_arrives() {
    let weather = Weather { loss: 1.0, multicast_loss: 100.0, ..Weather::default() };
    let seen = both_ways(weather, interop::participant_with_peers, &LOADS);
    assert!(seen.is_none_or(|(lost, _)| lost > 0), "{seen:?}");
}

/// Another vendor's program on the other host.
fn with_vendor(vendor: Vendor, weather: Weather, from_us: Load, from_them: Load) {
    let Some(program) = vendor.build() else { return };
    let Some(hosts) = TwoHosts::joined(weather) else { return };
    let domain = free_domain();
    let peer = NativePeer::spawn(&mut hosts.right.command(program));
    peer.tell(&format!("participant {domain}"), "joined");
    hosts.left.enter(|| {
        let bus = interop::participant(domain);
        let meeting = Meeting { domain, bus, peer };
        let work = Work::of("View");
        interop::theirs(&meeting, &work, Load::small(200));
        interop::ours(&meeting, &work, Load::small(200));
        interop::ours(&meeting, &work, from_us);
        interop::theirs(&meeting, &work, from_them);
        meeting.peer.quit();
    });
    let (lost, _) = hosts.part();
    assert!(lost > 0);
}

#[test]
fn nothing_is_lost_between_us_and_fast_dds() {
    // It sends datagrams of 64 KB, and one of their 45 frames lost is all lost.
    let (from_us, from_them) = (Load::large(5, 100_000), Load::large(5, 20_000));
    with_vendor(Vendor::FastDds, weather(1.0, 0.0, 0.0), from_us, from_them);
}

#[test]
fn nothing_is_lost_between_us_and_cyclone_dds() {
    let large = Load::large(5, 200_000);
    with_vendor(Vendor::Cyclone010, weather(5.0, 0.0, 0.0), large, large);
}
