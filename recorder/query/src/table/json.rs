//! An array of objects, one row per line.

use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use serde_json::Value;

use super::cell::cell;

/// Writes batch by batch, so that an export need not fit into memory.
pub(crate) struct JsonWriter<'a> {
    out: &'a mut dyn Write,
    /// Names as JSON text, quoted and escaped once.
    names: Vec<String>,
    rows: u64,
}

impl<'a> JsonWriter<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, names: &[String]) -> io::Result<Self> {
        out.write_all(b"[")?;
        let names = names.iter().map(|n| Value::String(n.clone()).to_string()).collect();
        Ok(Self { out, names, rows: 0 })
    }

    pub(crate) fn batch(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for row in 0..batch.num_rows() {
            self.out.write_all(if self.rows == 0 { "\n{" } else { ",\n{" }.as_bytes())?;
            self.rows += 1;
            for (column, name) in self.names.iter().enumerate() {
                let comma = if column > 0 { "," } else { "" };
                write!(self.out, "{comma}{name}:{}", cell(batch, column, row).json())?;
            }
            self.out.write_all(b"}")?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        self.out.write_all(if self.rows == 0 { "]\n" } else { "\n]\n" }.as_bytes())
    }
}
