#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: tidewire_fuzz::begin("cdr_round_trip"), |data: &[u8]| tidewire_fuzz::run("cdr_round_trip", data));
