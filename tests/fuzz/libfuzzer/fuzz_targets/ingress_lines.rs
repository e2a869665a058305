#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: tidewire_fuzz::begin("ingress_lines"), |data: &[u8]| tidewire_fuzz::run("ingress_lines", data));
