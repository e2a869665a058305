#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: tidewire_fuzz::begin("cdr_decode"), |data: &[u8]| tidewire_fuzz::run("cdr_decode", data));
