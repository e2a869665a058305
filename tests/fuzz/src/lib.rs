//! Everything that reads bytes or text from outside, given broken ones: no panic, no hang, no memory
//! out of proportion, and what is written is read back.
//!
//! The room may use everything; only `tests/fuzz/libfuzzer` uses it, which runs each [`Target`] under
//! libFuzzer (`make fuzz`). The same functions run a bounded number of times on reproducible input in
//! `tests/smoke.rs`, on any toolchain. Start at [`TARGETS`].
//!
//! ```
//! let idl = tidewire_fuzz::target("idl").expect("one of TARGETS");
//! (idl.run)(b"struct S { long x; ");
//! tidewire_fuzz::smoke(idl, 1, 10);
//! ```

mod block;
mod cdr;
mod history;
mod idl;
mod ingress;
mod input;
mod journal;
mod launch;
mod memory;
mod mutate;
mod qos;
#[path = "../../../idl/tests/support/random.rs"]
mod random;
mod rtps;

pub use mutate::smoke;

/// Something that takes bytes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As on the command line of `make fuzz`.
    pub name: &'static str,
    /// Reads any bytes.
    ///
    /// # Panics
    /// The bytes found a bug.
    pub run: fn(&[u8]),
    /// Valid inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words worth putting into an input.
    pub words: &'static [&'static str],
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "cdr_decode", run: cdr::decode, seeds: cdr::seeds, words: &[] },
    Target { name: "cdr_round_trip", run: cdr::round_trip, seeds: cdr::seeds, words: &[] },
    Target { name: "idl", run: idl::run, seeds: idl::seeds, words: idl::WORDS },
    Target { name: "qos", run: qos::run, seeds: qos::seeds, words: qos::WORDS },
    Target { name: "launch", run: launch::run, seeds: launch::seeds, words: launch::WORDS },
    Target { name: "journal", run: journal::run, seeds: journal::seeds, words: &[] },
    Target { name: "block", run: block::run, seeds: block::seeds, words: &[] },
    Target { name: "history", run: history::run, seeds: history::seeds, words: &[] },
    Target { name: "ingress", run: ingress::frames, seeds: ingress::seeds, words: &[] },
    Target {
        name: "ingress_lines",
        run: ingress::lines,
        seeds: ingress::line_seeds,
        words: ingress::WORDS,
    },
    Target { name: "rtps", run: rtps::run, seeds: rtps::seeds, words: &[] },
];

/// The target of a name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Runs a target once.
///
/// # Panics
/// There is no such target, or the bytes found a bug.
pub fn run(name: &str, data: &[u8]) {
    (target(name).expect("one of TARGETS").run)(data);
}

/// What a fuzzer does before it begins: if `TIDEWIRE_FUZZ_SEEDS` names a folder, it writes the seeds
/// and a dictionary (`words`) there and ends.
///
/// # Panics
/// There is no such target, or the folder cannot be written.
pub fn begin(name: &str) {
    let Some(dir) = std::env::var_os("TIDEWIRE_FUZZ_SEEDS") else { return };
    let target = target(name).expect("one of TARGETS");
    let dir = std::path::Path::new(&dir);
    let write = |name: String, bytes: &[u8]| {
        std::fs::write(dir.join(name), bytes).expect("the folder can be written")
    };
    for (i, seed) in (target.seeds)().iter().enumerate() {
        write(format!("seed-{i:02}"), seed);
    }
    let quoted = |word: &&str| {
        let hex: String = word.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("\"{hex}\"\n")
    };
    write("words".to_owned(), target.words.iter().map(quoted).collect::<String>().as_bytes());
    std::process::exit(0);
}
