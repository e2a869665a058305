//! Text that is redrawn in place on a terminal, and simply printed elsewhere.

use std::io::{self, IsTerminal, Write};

use crossterm::{cursor, queue, terminal};

use super::output;

/// The lower part of standard output.
pub struct Screen {
    live: bool,
    lines: u16,
}

impl Screen {
    /// Nothing is drawn yet.
    pub fn new() -> Self {
        Self { live: io::stdout().is_terminal(), lines: 0 }
    }

    /// Whether it redraws in place.
    pub fn live(&self) -> bool {
        self.live
    }

    /// Puts `text` where the last one stood. A closed terminal is no reason to stop what it shows; a
    /// closed pipe is, see [`output::print`].
    pub fn put(&mut self, text: &str) {
        if self.live {
            let _ = self.draw(text);
        } else {
            output::print(text);
        }
    }

    /// Removes what is drawn.
    pub fn clear(&mut self) {
        if self.live {
            self.put("");
        }
    }

    fn draw(&mut self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let (columns, height) = terminal::size().unwrap_or((100, 40));
        if self.lines > 0 {
            queue!(out, cursor::MoveToPreviousLine(self.lines))?;
        }
        queue!(out, terminal::Clear(terminal::ClearType::FromCursorDown))?;
        // More lines than the window has could not be taken back.
        let shown: Vec<_> = text.lines().take(usize::from(height.saturating_sub(1))).collect();
        for line in &shown {
            writeln!(out, "{}", cut(line, usize::from(columns)))?;
        }
        self.lines = shown.len() as u16;
        out.flush()
    }
}

/// A line cut to the width of the window; styles take no room.
fn cut(line: &str, columns: usize) -> String {
    let (mut out, mut width, mut style) = (String::new(), 0, false);
    for c in line.chars() {
        match c {
            '\x1b' => style = true,
            'm' if style => {
                style = false;
                out.push(c);
                continue;
            }
            _ => {}
        }
        if style || width < columns {
            out.push(c);
            width += usize::from(!style);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_without_breaking_styles() {
        assert_eq!(cut("abcdef", 3), "abc");
        assert_eq!(cut("\x1b[1mabc\x1b[0mdef", 4), "\x1b[1mabc\x1b[0md");
    }
}
