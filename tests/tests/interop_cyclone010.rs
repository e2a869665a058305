//! Beside Cyclone DDS 0.10 (0.10.2 in Debian 12), which knows XCDR1 and XCDR2, appendable and mutable
//! types: its samples and ours, its topics in our tools, ROS 2 over it.

use tidewire_tests::interop::Vendor::Cyclone010;
use tidewire_tests::interop::{self, Load};

#[test]
fn keyed_samples_go_both_ways() {
    interop::both_ways(Cyclone010, "Valve", Load::small(200));
    interop::both_ways(Cyclone010, "Valve", Load::small(200).xcdr2());
}

#[test]
fn samples_without_key_go_both_ways() {
    interop::both_ways(Cyclone010, "Tick", Load::small(200));
    interop::both_ways(Cyclone010, "Tick", Load::small(200).xcdr2());
}

#[test]
fn large_samples_go_both_ways() {
    interop::both_ways(Cyclone010, "Frame", Load::large(4, 4 << 20));
}

#[test]
fn large_keyed_samples_go_both_ways() {
    interop::both_ways(Cyclone010, "View", Load::large(6, 4 << 20));
}

#[test]
fn samples_around_the_size_of_a_datagram_go_both_ways() {
    interop::both_ways(Cyclone010, "View", Load::large(20, 65_000));
}

#[test]
fn late_joiners_get_history_of_a_topic_without_key() {
    interop::late_joiners_get_history(Cyclone010, "Tick");
}

#[test]
fn late_joiners_get_history_of_each_instance() {
    interop::late_joiners_get_history(Cyclone010, "Valve");
}

#[test]
fn disposes_go_both_ways() {
    interop::disposes_go_both_ways(Cyclone010, "Valve");
    interop::disposes_go_both_ways(Cyclone010, "View");
}

#[test]
fn appendable_types_grow_on_either_side() {
    let load = Load::small(20).xcdr2();
    interop::both_ways(Cyclone010, "OrderV2", load);
    interop::we_read_another_version(Cyclone010, "OrderV2", "OrderV1", load);
    interop::we_read_another_version(Cyclone010, "OrderV1", "OrderV2", load);
    interop::they_read_another_version(Cyclone010, "OrderV2", "OrderV1", load);
    interop::they_read_another_version(Cyclone010, "OrderV1", "OrderV2", load);
}

#[test]
fn mutable_types_change_on_either_side() {
    let load = Load::small(20).xcdr2();
    interop::both_ways(Cyclone010, "RecipeV2", load);
    interop::we_read_another_version(Cyclone010, "RecipeV2", "RecipeV1", load);
    interop::we_read_another_version(Cyclone010, "RecipeV1", "RecipeV2", load);
    interop::they_read_another_version(Cyclone010, "RecipeV2", "RecipeV1", load);
    interop::they_read_another_version(Cyclone010, "RecipeV1", "RecipeV2", load);
}

#[test]
fn the_tools_serve_their_topics() {
    interop::the_tools_serve_their_topics(Cyclone010, "Cyclone DDS");
}

#[test]
fn unknown_types_are_recorded_and_replayed() {
    interop::unknown_types_are_recorded_and_replayed(Cyclone010, "Valve");
    interop::unknown_types_are_recorded_and_replayed(Cyclone010, "Tick");
}

#[test]
fn a_ros_talker_is_understood() {
    interop::a_ros_talker_is_understood(Cyclone010);
}

#[test]
fn we_talk_to_a_ros_listener() {
    interop::we_talk_to_a_ros_listener(Cyclone010);
}
