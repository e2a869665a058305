//! Every fuzz target on reproducible input; `make fuzz` goes on from here.

use tidewire_fuzz::{TARGETS, smoke};

fn run(name: &str, rounds: usize) {
    smoke(tidewire_fuzz::target(name).expect(name), 1, rounds);
}

#[test]
fn every_target_has_a_test_here_and_a_fuzzer() {
    let here = include_str!("smoke.rs");
    let fuzzers = concat!(env!("CARGO_MANIFEST_DIR"), "/libfuzzer/fuzz_targets");
    for target in TARGETS {
        assert!(here.contains(&format!("run(\"{}\"", target.name)), "{}", target.name);
        let file = format!("{fuzzers}/{}.rs", target.name);
        assert!(std::path::Path::new(&file).exists(), "{file} is missing");
    }
}

#[test]
fn cdr_payloads_are_read_or_refused() {
    run("cdr_decode", 20_000);
}

#[test]
fn cdr_values_come_back() {
    run("cdr_round_trip", 10_000);
}

#[test]
fn idl_is_read_or_refused() {
    run("idl", 3_000);
}

#[test]
fn qos_profiles_are_read_or_refused() {
    run("qos", 3_000);
}

#[test]
fn launch_files_are_read_or_refused() {
    run("launch", 2_000);
}

#[test]
fn journal_segments_are_walked_to_their_end() {
    run("journal", 10_000);
}

#[test]
fn blocks_come_back_or_are_refused() {
    run("block", 3_000);
}

#[test]
fn history_comes_back_or_is_refused() {
    run("history", 10_000);
}

#[test]
fn frames_come_through_an_ingress_whatever_surrounds_them() {
    run("ingress", 3_000);
}

#[test]
fn lines_come_through_an_ingress_whatever_surrounds_them() {
    run("ingress_lines", 3_000);
}

#[test]
fn a_participant_outlives_strange_datagrams() {
    run("rtps", 3_000);
}
