//! `tidewire query`: SQL over a recording, finished or growing.

use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use tidewire_query::Engine;

use super::failure::Usage;

/// `tidewire query`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  tidewire query -d run1 'SELECT count(*) FROM vibration'\n  \
                  tidewire query -d run1 \"SELECT time, celsius FROM temperature WHERE point = 'plant/pump1' ORDER BY time\"\n  \
                  tidewire query -d run1 --format csv 'SELECT * FROM \"plant/imu\"' > imu.csv\n  \
                  tidewire query -d run1 'SHOW TABLES'\n\n\
                  Each topic is a table with the columns time, point and the fields of its type. Quote names with \
                  anything but\nlower-case letters, digits and _ in double quotes.")]
pub struct Args {
    /// Folder of the recording
    #[arg(short, long, value_name = "DIR")]
    pub dir: PathBuf,
    /// One SQL statement; `-` reads it from standard input
    pub sql: String,
    /// How to print the answer
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Output formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns
    Table,
    /// Comma-separated values with a header
    Csv,
    /// An array of objects
    Json,
}

/// Runs the statement.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let format = match args.format {
        Format::Table if json => tidewire_query::Format::Json,
        Format::Table => tidewire_query::Format::Table,
        Format::Csv => tidewire_query::Format::Csv,
        Format::Json => tidewire_query::Format::Json,
    };
    let mut sql = args.sql.clone();
    if sql == "-" {
        sql.clear();
        std::io::stdin()
            .read_to_string(&mut sql)
            .context("cannot read the statement from standard input")?;
    }
    if sql.trim().is_empty() {
        return Err(Usage("the statement is empty".into()).into());
    }
    let engine =
        Engine::open(&args.dir).with_context(|| format!("cannot query {}", args.dir.display()))?;
    let mut out = Pipe(std::io::stdout().lock());
    engine.write_blocking(&sql, format, &mut out)?;
    out.flush()?;
    Ok(())
}

/// Standard output that ends the program quietly when its reader is gone (`| head`).
struct Pipe<'a>(std::io::StdoutLock<'a>);

impl Write for Pipe<'_> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        quiet(self.0.write(buf))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        quiet(self.0.flush())
    }
}

fn quiet<T>(result: std::io::Result<T>) -> std::io::Result<T> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other,
    }
}
