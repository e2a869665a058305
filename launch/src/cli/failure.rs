//! How a command fails: what went wrong, why, what to do; and the exit code that says which it was.

use std::fmt;
use std::process::ExitCode;

use super::output;

/// The arguments make no sense together: exit code 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A way out, put under an error with [`Remedy::remedy`].
#[derive(Debug)]
struct Hint {
    text: String,
    source: anyhow::Error,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)
    }
}

impl std::error::Error for Hint {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}

/// Adds to an error what its reader can do.
pub trait Remedy<T> {
    /// `hint` is a sentence in the imperative.
    fn remedy(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Remedy<T> for Result<T, E> {
    fn remedy(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|e| Hint { text: hint.into(), source: e.into() }.into())
    }
}

/// The work was done and its answer is no (a check found problems): exit code 1, already told.
#[derive(Debug)]
pub struct Told;

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the problems above")
    }
}

impl std::error::Error for Told {}

/// Prints an error the one way all commands do and returns the exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    if error.is::<Told>() {
        return ExitCode::from(1);
    }
    output::note(render(error).trim_end());
    ExitCode::from(if error.chain().any(|cause| cause.is::<Usage>()) { 2 } else { 1 })
}

fn render(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}\n");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Many errors already quote their source.
        if !last.contains(&cause) {
            text.push_str(&format!("  because: {cause}\n"));
        }
        last = cause;
    }
    let mut hints = Vec::new();
    for cause in error.chain() {
        if let Some(hint) = cause.downcast_ref::<Hint>() {
            hints.push(hint.text.clone());
        }
    }
    for hint in hints {
        text.push_str(&format!("  try: {hint}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn an_error_says_what_why_and_what_to_do() {
        let io = std::io::Error::other("disk on fire");
        let error =
            Err::<(), _>(io).remedy("call the fire brigade").context("cannot write").unwrap_err();
        assert_eq!(
            render(&error),
            "error: cannot write\n  because: disk on fire\n  try: call the fire brigade\n"
        );
    }
}
