//! Fuzzing without a fuzzer: seeds, changed at random but reproducibly.

use crate::Target;
use crate::random::{Dice, Rng};

/// Runs a target on its seeds, then `rounds` times on changed ones. The same seed gives the same
/// inputs.
///
/// # Panics
/// An input found a bug; it is written to the temporary folder and named.
pub fn smoke(target: &Target, seed: u64, rounds: usize) {
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    for seed in &seeds {
        run(target, seed);
    }
    let mut rng = Rng(seed);
    for _ in 0..rounds {
        let mut input = seeds[rng.below(seeds.len())].clone();
        for _ in 0..1 + rng.below(5) {
            change(&mut input, &seeds, target.words, &mut rng);
        }
        run(target, &input);
    }
}

fn run(target: &Target, input: &[u8]) {
    if let Err(panic) = std::panic::catch_unwind(|| (target.run)(input)) {
        let path = std::env::temp_dir().join(format!("fuzz-{}-input", target.name));
        match std::fs::write(&path, input) {
            Ok(()) => eprintln!("{}: {} fails it", target.name, path.display()),
            Err(error) => eprintln!("{}: {input:02x?} fails it ({error})", target.name),
        }
        std::panic::resume_unwind(panic);
    }
}

/// Numbers at the edges of their types.
const EDGES: [u64; 8] = [0, 1, 0x7f, 0xff, 0xffff, i32::MAX as u64, u32::MAX as u64, u64::MAX];

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str], rng: &mut Rng) {
    let at = rng.below(input.len() + 1);
    let end = (at + rng.below(32)).min(input.len());
    match rng.below(if words.is_empty() { 7 } else { 9 }) {
        0 if at < input.len() => input[at] ^= 1 << rng.below(8),
        1 if at < input.len() => input[at] = rng.next() as u8,
        2 => drop(input.drain(at..end)),
        3 => {
            let copy = input[at..end].to_vec();
            let to = rng.below(input.len() + 1);
            input.splice(to..to, copy);
        }
        4 => {
            let edge = EDGES[rng.below(EDGES.len())];
            let bytes = if rng.chance(2) { edge.to_le_bytes() } else { edge.to_be_bytes() };
            let width = [1, 2, 4, 8][rng.below(4)].min(input.len() - at);
            input[at..at + width].copy_from_slice(&bytes[..width]);
        }
        5 => {
            let other = &seeds[rng.below(seeds.len())];
            let from = rng.below(other.len() + 1);
            let to = (from + rng.below(64)).min(other.len());
            input.splice(at..end, other[from..to].iter().copied());
        }
        6 => {
            let noise: Vec<u8> = (0..rng.below(16)).map(|_| rng.next() as u8).collect();
            input.splice(at..at, noise);
        }
        7 | 8 => {
            let word = words[rng.below(words.len())];
            input.splice(at..if rng.chance(2) { at } else { end }, word.bytes());
        }
        _ => {}
    }
}
