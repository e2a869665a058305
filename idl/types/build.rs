//! Generates the shipped types, and those the tests are about.

use tidewire_idl::codegen::Builder;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let shipped = ["sensor.idl", "market.idl", "event.idl", "bench.idl", "line.idl"];
    let shipped = shipped.iter().fold(Builder::new(), |builder, file| builder.file(file));
    let kinds = Builder::new().file("tests/idl/kinds.idl").output("kinds.rs");
    for builder in [shipped, kinds] {
        if let Err(error) = builder.compile() {
            // Not through `Result`: the carets need the lines of `Display`.
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
