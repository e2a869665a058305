//! What can be wrong with IDL, said the way compilers do: place, line, caret, remedy.

use std::fmt;
use std::path::PathBuf;

/// Reading IDL failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdlError {
    /// The text is wrong, in one or several places.
    #[error("{0}")]
    Source(Diagnostics),
    /// A file or directory could not be read.
    #[error("cannot read {}: {source}; check the path and its permissions", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The generated code could not be written.
    #[error("cannot write {}: {source}; check the path, its permissions and the disk", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Two files define one type differently.
    #[error(
        "type `{name}` is already defined differently; rename one of them, or load only one of the \
         two definitions (second one in {file})"
    )]
    Conflict {
        /// Scoped name.
        name: String,
        /// File of the second definition.
        file: String,
    },
    /// The code generator was not told where to write.
    #[error(
        "no output directory: call `.out_dir(…)`, or run in a build script, where cargo sets OUT_DIR"
    )]
    NoOutDir,
    /// A type has no Rust counterpart.
    #[error("cannot generate Rust for `{name}`: {reason}")]
    Codegen {
        /// Scoped name.
        name: String,
        /// Why, and what to do.
        reason: String,
    },
}

impl IdlError {
    /// The places, if the text was wrong.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Source(diagnostics) => &diagnostics.0,
            _ => &[],
        }
    }
}

/// Everything wrong with one text, in the order found; at most [`Diagnostics::MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// More than these are not reported: they usually follow from the first.
    pub const MAX: usize = 20;
}

/// One thing wrong: where, what and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// As given to the parser.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Characters to underline, at least 1.
    pub length: usize,
    /// What is wrong.
    pub message: String,
    /// The line it is in.
    pub source_line: String,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, .. } = self;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, "error: {}", self.message)?;
        writeln!(f, "{margin}--> {file}:{line}:{column}")?;
        writeln!(f, "{margin} |")?;
        let text = self.source_line.replace('\t', " ");
        writeln!(f, "{number} | {}", text.trim_end())?;
        let before = " ".repeat(column - 1);
        write!(f, "{margin} | {before}{}", "^".repeat(self.length.max(1)))?;
        if let Some(help) = &self.help {
            write!(f, "\n{margin} = help: {help}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}
