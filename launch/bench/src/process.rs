//! A second process, told what to do over its pipes, a line each.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::BenchError;

fn fail(what: String) -> BenchError {
    BenchError { bench: "bus", what }
}

/// Tells the process that has started this one.
pub fn say(line: &str) {
    let mut out = std::io::stdout();
    // Nobody listening means that the other process has ended: the next order does not come.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Waits for that process to say `order`.
///
/// # Errors
/// It says something else, or nothing any more.
pub fn await_order(order: &str) -> Result<(), BenchError> {
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(_) if line.trim_end() == order && !line.is_empty() => Ok(()),
        _ => Err(fail(format!("the other process ended before it said `{order}`"))),
    }
}

/// The other process.
pub struct Far {
    child: Child,
    /// Closing it ends the process.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Far {
    /// # Errors
    /// It cannot be started.
    pub fn start(mut command: Command) -> Result<Self, BenchError> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| fail(format!("cannot start the second process: {e}")))?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(fail("the second process has no pipes".into()));
        };
        Ok(Self { child, orders: Some(orders), answers: BufReader::new(answers) })
    }

    /// Says `order`.
    ///
    /// # Errors
    /// It is gone.
    pub fn order(&mut self, order: &str) -> Result<(), BenchError> {
        let gone = |why: &dyn fmt::Display| fail(format!("the second process is gone: {why}"));
        let orders = self.orders.as_mut().ok_or_else(|| gone(&"its input is closed"))?;
        writeln!(orders, "{order}").map_err(|e| gone(&e))
    }

    /// What it says next.
    ///
    /// # Errors
    /// It is gone.
    pub fn answer(&mut self) -> Result<String, BenchError> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(n) if n > 0 => Ok(line.trim_end().to_owned()),
            _ => Err(fail("the second process ended early".into())),
        }
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.child.wait();
    }
}
