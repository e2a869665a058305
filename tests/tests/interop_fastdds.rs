//! Beside Fast DDS (2.9 in Debian 12): its samples and ours, its topics in our tools, ROS 2 over it.
//! Fast DDS 2.9 knows XCDR1 alone, and no mutable types.

use tidewire_tests::interop::Vendor::FastDds;
use tidewire_tests::interop::{self, Load};

#[test]
fn keyed_samples_go_both_ways() {
    interop::both_ways(FastDds, "Valve", Load::small(200));
}

#[test]
fn samples_without_key_go_both_ways() {
    interop::both_ways(FastDds, "Tick", Load::small(200));
}

#[test]
fn large_samples_go_both_ways() {
    // Fragments it loses are repaired 2 KB at a time by RustDDS, so from us just one.
    interop::to_and_fro(FastDds, "Frame", Load::large(4, 4 << 20), Load::large(1, 4 << 20));
}

#[test]
fn large_keyed_samples_go_both_ways() {
    interop::to_and_fro(FastDds, "View", Load::large(6, 4 << 20), Load::large(1, 4 << 20));
}

#[test]
fn samples_around_the_size_of_a_datagram_go_both_ways() {
    interop::both_ways(FastDds, "View", Load::large(20, 65_000));
}

#[test]
fn late_joiners_get_history_of_a_topic_without_key() {
    interop::late_joiners_get_history(FastDds, "Tick");
}

#[test]
fn late_joiners_get_history_of_each_instance() {
    interop::late_joiners_get_history(FastDds, "Valve");
}

#[test]
fn disposes_go_both_ways() {
    // Fast DDS 2.9 wants a key hash with a dispose, which RustDDS does not send.
    interop::disposes_of_the_last_instance_go_both_ways(FastDds, "Valve");
}

#[test]
fn types_may_have_grown_on_their_side() {
    interop::we_read_another_version(FastDds, "OrderV2", "OrderV1", Load::small(20));
}

#[test]
fn types_may_have_grown_on_our_side() {
    interop::we_read_another_version(FastDds, "OrderV1", "OrderV2", Load::small(20));
    interop::they_read_another_version(FastDds, "OrderV2", "OrderV1", Load::small(20));
}

#[test]
fn the_tools_serve_their_topics() {
    interop::the_tools_serve_their_topics(FastDds, "Fast DDS");
}

#[test]
fn unknown_types_are_recorded_and_replayed() {
    interop::unknown_types_are_recorded_and_replayed(FastDds, "Valve");
    interop::unknown_types_are_recorded_and_replayed(FastDds, "Tick");
}

#[test]
fn a_ros_talker_is_understood() {
    interop::a_ros_talker_is_understood(FastDds);
}

#[test]
fn we_talk_to_a_ros_listener() {
    interop::we_talk_to_a_ros_listener(FastDds);
}
