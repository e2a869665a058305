//! How the command line talks: colours only on a terminal, sizes and times people read.

use std::io::{self, IsTerminal, Write};

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

/// Prints to standard output; a closed pipe (`| head`) ends the program quietly, as is usual.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints a line to standard output, see [`print`].
pub fn say(line: &str) {
    print(&format!("{line}\n"));
}

/// Prints a value as indented JSON.
pub fn json<T: serde::Serialize>(value: &T) -> anyhow::Result<()> {
    say(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// What people ask of an endpoint's policies first, and what it announces.
pub fn policies(qos: &Qos) -> String {
    let mut text = format!("{}, {}, {}", qos.reliability, qos.durability, qos.history);
    if qos.partition.iter().any(|name| !name.is_empty()) {
        let names: Vec<String> = qos.partition.iter().map(|name| format!("`{name}`")).collect();
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

/// A table without frames; columns whose header starts with `>` are right-aligned.
pub fn table(headers: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
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
