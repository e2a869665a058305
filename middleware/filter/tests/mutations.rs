//! No text makes the parser or the evaluation panic, and no payload either.

use tidewire_filter::Filter;
use tidewire_idl::{Encoding, TypeSupport};
use tidewire_types::event::{Health, State};

const SEEDS: [&str; 4] = [
    "point = 'pump1' AND NOT (uptime_ns BETWEEN 0x10 AND %0 OR state <> State::OK)",
    r"detail LIKE '%it''s \% _' OR node >= `a' AND state IN ('OK') OR uptime_ns = -1.5e+3",
    "((NOT NOT state = tidewire::event::RUNNING)) OR detail[0].x.y[12] < %99",
    "uptime_ns NOT BETWEEN %1 AND %2 AND 'OK' = state OR detail = node",
];

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

#[test]
fn mutated_expressions_are_read_or_refused() {
    let words = [
        "AND",
        "OR",
        "NOT ",
        "(",
        ")",
        "BETWEEN",
        "LIKE",
        "'",
        "`",
        "\\",
        "%",
        "%7",
        "0x",
        "::",
        ".",
        "[",
        "]",
        "<",
        ">",
        "=",
        "1e",
        "-",
        "+",
        "é",
        "\u{0}",
        "\n",
        "99999999999999999999",
        "state",
        "TRUE",
        "$discriminator",
        "((((((((",
        " NOT NOT NOT NOT ",
        "''",
        ".5",
        "5.",
    ];
    let ty = Health::descriptor();
    let health = Health {
        point: "pump1".into(),
        node: "n".into(),
        state: State::Ok,
        uptime_ns: 5,
        detail: "it's % x".into(),
    };
    let mut payload = Vec::new();
    health.encode(Encoding::default(), &mut payload);
    let numbers: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let parameters: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let (mut accepted, mut refused) = (0, 0);
    for (s, seed) in SEEDS.iter().enumerate() {
        for round in 0..6000 {
            let mut rng = Rng((s * 100_000 + round) as u64);
            let mut text: Vec<char> = seed.chars().collect();
            for _ in 0..rng.below(6) {
                let at = rng.below(text.len());
                match rng.below(6) {
                    0 if !text.is_empty() => drop(text.remove(at)),
                    1 if !text.is_empty() => text[at] = char::from(rng.below(256) as u8),
                    2 | 3 => drop(text.splice(at..at, words[rng.below(words.len())].chars())),
                    4 => {
                        let end = (at + rng.below(12)).min(text.len());
                        let copy: Vec<char> = text[at..end].to_vec();
                        text.splice(at..at, copy);
                    }
                    _ => text.truncate(at.max(1)),
                }
            }
            let text: String = text.into_iter().collect();
            // As many parameters as it turns out to want.
            let made = (0..=parameters.len()).find_map(|n| {
                match Filter::new(&ty, &text, &parameters[..n]) {
                    Err(tidewire_filter::FilterError::Parameters { needed, given }) => {
                        assert!(needed > given, "{text}");
                        None
                    }
                    other => Some(other),
                }
            });
            match made.unwrap() {
                Ok(filter) => {
                    accepted += 1;
                    filter.matches(&payload).unwrap();
                    filter.matches_key(&payload).ok();
                    let cut = &payload[..rng.below(payload.len())];
                    let _ = (filter.matches(cut), filter.matches_key(cut));
                }
                Err(error) => {
                    refused += 1;
                    if let Some(at) = error.diagnostic() {
                        let width = at.source_line.chars().count();
                        assert!(at.column <= width + 1, "{text:?}\n{error}");
                        assert!(at.column + at.length <= width + 2, "{text:?}\n{error}");
                    }
                }
            }
        }
    }
    assert!(accepted > 1000 && refused > 5000, "{accepted} {refused}");
}
