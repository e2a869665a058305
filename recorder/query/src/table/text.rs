//! Aligned columns for people.

use super::Table;
use super::cell::Cell;

/// Wider cells are cut with an ellipsis: a payload or a JSON column must not push the rest away.
const MAX_WIDTH: usize = 60;

pub(super) fn render(table: &Table, max_rows: Option<usize>) -> String {
    let total = table.len();
    let shown = max_rows.unwrap_or(total).min(total);
    let names: Vec<String> = table.columns().iter().map(|name| plain(name)).collect();
    let mut widths: Vec<usize> = names.iter().map(|name| name.chars().count()).collect();
    let mut right = vec![true; widths.len()];
    let mut rows = Vec::with_capacity(shown);
    for row in table.cells().take(shown) {
        let cells: Vec<Vec<String>> = row.iter().map(lines).collect();
        for (i, cell) in row.iter().enumerate() {
            let widest = cells[i].iter().map(|line| line.chars().count()).max().unwrap_or(0);
            widths[i] = widths[i].max(widest);
            right[i] &= cell.is_number() || *cell == Cell::Null;
        }
        let height = cells.iter().map(Vec::len).max().unwrap_or(1);
        for at in 0..height {
            let line = |cell: &Vec<String>| cell.get(at).cloned().unwrap_or_default();
            rows.push(cells.iter().map(line).collect::<Vec<_>>());
        }
    }
    if rows.is_empty() {
        right.fill(false);
    }
    let mut out = String::new();
    push_row(&mut out, &names, &widths, &right);
    let rule: Vec<String> = widths.iter().map(|w| "─".repeat(*w)).collect();
    push_row(&mut out, &rule, &widths, &right);
    for row in &rows {
        push_row(&mut out, row, &widths, &right);
    }
    let noun = if total == 1 { "row" } else { "rows" };
    if shown < total {
        out.push_str(&format!("({shown} of {total} {noun} shown)\n"));
    } else {
        out.push_str(&format!("({total} {noun})\n"));
    }
    for note in table.notes() {
        out.push_str(&format!("note: {}\n", plain(note)));
    }
    out
}

/// A cell's lines; text of one line is cut at [`MAX_WIDTH`].
fn lines(cell: &Cell<'_>) -> Vec<String> {
    let text = cell.text();
    if text.contains('\n') {
        return text.lines().map(plain).collect();
    }
    let mut out: String = text.chars().take(MAX_WIDTH).map(visible).collect();
    if text.chars().nth(MAX_WIDTH).is_some() {
        out.pop();
        out.push('…');
    }
    vec![out]
}

/// One line, safe to show: names of members and topics are whatever their writers said, too.
fn plain(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// A control character in a string must not move the terminal's cursor.
fn visible(c: char) -> char {
    if c.is_control() { '\u{fffd}' } else { c }
}

fn push_row(out: &mut String, texts: &[String], widths: &[usize], right: &[bool]) {
    let last = texts.len().saturating_sub(1);
    for (i, text) in texts.iter().enumerate() {
        let pad = " ".repeat(widths[i] - text.chars().count());
        if i > 0 {
            out.push_str("  ");
        }
        if right[i] {
            out.push_str(&pad);
        }
        out.push_str(text);
        if !right[i] && i < last {
            out.push_str(&pad);
        }
    }
    out.push('\n');
}
