#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: tidewire_fuzz::begin("history"), |data: &[u8]| tidewire_fuzz::run("history", data));
