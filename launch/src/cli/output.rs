//! How the command line talks: colours only on a terminal, sizes and times people read.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use tidewire_qos::{Liveliness, Qos};

/// Whether standard output is a terminal that wants colours (<https://no-color.org>).
pub fn coloured() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Text in an ANSI style (`1` bold, `2` dim, `31` red, …) where colours are wanted.
pub fn paint(style: &str, text: &str) -> String {
    if coloured() { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Whether the exit code is the answer.
static VERDICT: AtomicBool = AtomicBool::new(false);

/// Whether the reader of standard output has gone.
static UNREAD: AtomicBool = AtomicBool::new(false);

/// Whether text is missing from standard output.
static INCOMPLETE: AtomicBool = AtomicBool::new(false);

/// The exit code is the answer of this command: it goes on to its end also where its text cannot be
/// written.
pub fn exit_code_is_the_answer() {
    VERDICT.store(true, Ordering::Relaxed);
}

/// Whether text could not be written, which is told and a failure.
pub fn is_incomplete() -> bool {
    INCOMPLETE.load(Ordering::Relaxed)
}

/// Prints to standard output. A closed pipe (`| head`) ends the program quietly, as is usual, and any
/// other error, such as a full disk, with exit code 1; but see [`exit_code_is_the_answer`].
pub fn print(text: &str) {
    if UNREAD.load(Ordering::Relaxed) {
        return;
    }
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            if !VERDICT.load(Ordering::Relaxed) {
                std::process::exit(0);
            }
            UNREAD.store(true, Ordering::Relaxed);
        }
        Err(error) => {
            if !INCOMPLETE.swap(true, Ordering::Relaxed) {
                note(&format!("error: cannot write to standard output: {error}"));
            }
            if !VERDICT.load(Ordering::Relaxed) {
                std::process::exit(1);
            }
        }
    }
}

/// Prints a line to standard output, see [`print`].
pub fn say(line: &str) {
    print(&format!("{line}\n"));
}

/// Prints to standard error, made [`plain_lines`]. It may be closed: that ends nothing.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", plain_lines(line));
}

/// What others have named or written, such as a topic, as a terminal may show it: control characters,
/// which could move the cursor or rewrite what stands there, as escapes.
pub fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, &[])
}

/// As [`plain`], of text that may have several lines.
pub fn plain_lines(text: &str) -> Cow<'_, str> {
    escaped(text, &['\n', '\t'])
}

fn escaped<'a>(text: &'a str, but: &[char]) -> Cow<'a, str> {
    let escapes = |c: char| c.is_control() && !but.contains(&c);
    if !text.contains(escapes) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if escapes(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Prints a value as indented JSON.
pub fn json<T: serde::Serialize>(value: &T) -> anyhow::Result<()> {
    say(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints one value as indented JSON, several as one line each.
pub fn json_lines(values: &[serde_json::Value]) -> anyhow::Result<()> {
    if let [value] = values {
        return json(value);
    }
    for value in values {
        say(&serde_json::to_string(value)?);
    }
    Ok(())
}

/// What people ask of an endpoint's policies first, and what it announces.
pub fn policies(qos: &Qos) -> String {
    let mut text = format!("{}, {}, {}", qos.reliability, qos.durability, qos.history);
    if qos.partition.iter().any(|name| !name.is_empty()) {
        let names: Vec<String> =
            qos.partition.iter().map(|name| format!("`{}`", plain(name))).collect();
        text += &format!(", partition {}", names.join(" "));
    }
    if qos.liveliness != Liveliness::default() {
        text += &format!(", {}", qos.liveliness);
    }
    for (name, data) in
        [("user", &qos.user_data), ("topic", &qos.topic_data), ("group", &qos.group_data)]
    {
        match data.len() {
            0 => {}
            1..=64 => text += &format!(", {name} data \"{}\"", data.escape_ascii()),
            // All of it is in `--json`.
            len => text += &format!(", {name} data of {}", bytes(len as u64)),
        }
    }
    text
}

/// Bytes in binary units.
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 || unit == "TiB" {
            return if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    unreachable!("the last unit returns")
}

/// A count with thousands separated by commas.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Microseconds in the unit that suits them.
pub fn micros(us: f64) -> String {
    match us.abs() {
        v if v < 1_000.0 => format!("{us:.0} µs"),
        v if v < 1_000_000.0 => format!("{:.1} ms", us / 1e3),
        _ => format!("{:.1} s", us / 1e6),
    }
}

/// A time in ns since the Unix epoch as UTC text.
pub fn time(ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(ns))
        .map_or_else(|_| ns.to_string(), |t| format!("{t:.3}"))
}

/// A table without frames; columns whose header starts with `>` are right-aligned. Cells are made
/// [`plain`].
pub fn table(headers: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let plain = |row: Vec<String>| row.iter().map(|cell| plain(cell).into_owned()).collect();
    painted_table(headers, rows.into_iter().map(plain))
}

/// As [`table`], of cells that may have styles: text of others goes through [`plain`] before.
pub fn painted_table(headers: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headers.iter().map(|h| Cell::new(h.trim_start_matches('>'))));
    for row in rows {
        table.add_row(row);
    }
    for (column, header) in table.column_iter_mut().zip(headers) {
        column.set_padding((0, 2));
        if header.starts_with('>') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    // Styles come last: the table would count them as text.
    let style = |(i, line): (usize, &str)| match (i, line.trim_end()) {
        (0, head) => format!("{}\n", paint("1", head)),
        (_, line) => format!("{line}\n"),
    };
    text.lines().enumerate().map(style).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_that_are_not_the_usual_are_told() {
        let mut qos = Qos::event();
        assert_eq!(policies(&qos), "RELIABLE, TRANSIENT_LOCAL, KEEP_LAST(64)");
        qos.partition = vec!["plant/east".into(), "plant/n*".into()];
        qos.user_data = b"serial 7\0".to_vec();
        qos.group_data = vec![1; 3000];
        let told = ", partition `plant/east` `plant/n*`, user data \"serial 7\\x00\", group data of 2.9 KiB";
        assert!(policies(&qos).ends_with(told), "{}", policies(&qos));
    }

    #[test]
    fn control_characters_of_others_do_not_reach_a_terminal() {
        assert_eq!(plain("plant/pump 1, ü"), "plant/pump 1, ü");
        assert_eq!(plain("a\x1b[2Jb\nc\u{9b}m\x7f"), "a\\u{1b}[2Jb\\nc\\u{9b}m\\u{7f}");
        assert_eq!(plain_lines("two\n\tlines\r"), "two\n\tlines\\r");
        let table = table(&["TOPIC"], [vec!["x\x1b]0;y\x07\nz".to_owned()]]);
        assert!(table.contains("x\\u{1b}]0;y\\u{7}\\nz"), "{table:?}");
        let qos = Qos { partition: vec!["\x1b[1m".into()], ..Qos::event() };
        assert!(!policies(&qos).contains('\x1b'), "{:?}", policies(&qos));
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(micros(12.3), "12 µs");
        assert_eq!(micros(12_345.0), "12.3 ms");
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
    }
}
