//! Makes `middleware/ingress/tests/golden/lines.jsonl`: lines, and what InfluxData's parser reads.

use influxdb_line_protocol::{FieldValue, ParsedLine, parse_lines};
use serde_json::{Value, json};

/// A repeatable choice (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// Never with a backslash at the end, on which parsers differ.
    fn name(&mut self) -> String {
        const PARTS: [&str; 13] =
            ["a", "b", "temp", "é", "\\ ", "\\,", "\\=", "x1", "-", "#", "🍭", "\"", "\\x"];
        (0..1 + self.below(3)).map(|_| self.pick(&PARTS)).collect::<String>() + "z"
    }

    fn line(&mut self) -> String {
        const RIGHT: [&str; 13] = [
            "1",
            "1.5",
            "-2e3",
            "1i",
            "-5i",
            "7u",
            "t",
            "false",
            "TRUE",
            "\"text\"",
            "\"a \\\"b\\\" c\"",
            "\"\\\\\"",
            "\"a,b=c d\"",
        ];
        const WRONG: [&str; 12] = [
            "1e400",
            "nan",
            "inf",
            "1x",
            "\"open",
            "99999999999999999999i",
            "-1u",
            "",
            "+1",
            "0x1",
            "--1",
            "tRUE",
        ];
        const ENDS: [&str; 8] =
            ["", "", " 1700000000000000000", " -5", " x", " 1 2", " ", " 99999999999999999999"];
        let right = self.below(2) == 0;
        let mut line = String::new();
        if right || self.below(10) > 0 {
            line += &self.name();
        }
        for _ in 0..self.below(3) {
            line += &format!(",{}={}", self.name(), self.name());
        }
        line += if right { " " } else { self.pick(&[" ", " ", "  ", ""]) };
        for i in 0..1 + self.below(3) {
            let wrong = !right && self.below(2) == 0;
            let value = self.pick(if wrong { &WRONG } else { &RIGHT });
            line += &format!("{}{}={value}", if i > 0 { "," } else { "" }, self.name());
        }
        line + if right { self.pick(&ENDS[..4]) } else { self.pick(&ENDS) }
    }
}

fn means(line: &ParsedLine<'_>) -> Value {
    let tags = line.series.tag_set.iter().flatten();
    let tags: Vec<_> = tags.map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let field = |value: &FieldValue<'_>| match value {
        FieldValue::F64(v) => json!(["f", v.to_bits().to_string()]),
        FieldValue::I64(v) => json!(["i", v.to_string()]),
        FieldValue::U64(v) => json!(["u", v.to_string()]),
        FieldValue::Boolean(v) => json!(["b", v.to_string()]),
        FieldValue::String(v) => json!(["s", v.to_string()]),
    };
    let fields: Vec<_> = line.field_set.iter().map(|(n, v)| (n.to_string(), field(v))).collect();
    json!({
        "measurement": line.series.measurement.to_string(),
        "tags": tags,
        "fields": fields,
        "timestamp": line.timestamp,
    })
}

fn main() {
    let mut dice = Dice(20_261_122);
    for _ in 0..1000 {
        let line = dice.line();
        let parsed: Vec<_> = parse_lines(&line).collect();
        let means = match &parsed[..] {
            [Ok(parsed)] => means(parsed),
            _ => Value::Null,
        };
        println!("{}", json!({ "line": line, "means": means }));
    }
}
