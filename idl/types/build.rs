//! Generates the shipped types.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let files = ["sensor.idl", "market.idl", "event.idl", "bench.idl"];
    let builder = tidewire_idl::codegen::Builder::new();
    let generated = files.iter().fold(builder, |b, f| b.file(f)).compile();
    if let Err(error) = generated {
        // The carets need the lines of `Display`.
        eprintln!("{error}");
        std::process::exit(1);
    }
    Ok(())
}
