//! RFC 4180.

use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;

use super::cell::cell;

/// Writes batch by batch, so that an export need not fit into memory.
pub(crate) struct CsvWriter<'a> {
    out: &'a mut dyn Write,
}

impl<'a> CsvWriter<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, names: &[String]) -> io::Result<Self> {
        for (i, name) in names.iter().enumerate() {
            if i > 0 {
                out.write_all(b",")?;
            }
            field(out, name)?;
        }
        out.write_all(b"\r\n")?;
        Ok(Self { out })
    }

    pub(crate) fn batch(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for row in 0..batch.num_rows() {
            for column in 0..batch.num_columns() {
                if column > 0 {
                    self.out.write_all(b",")?;
                }
                field(self.out, &cell(batch, column, row).text())?;
            }
            self.out.write_all(b"\r\n")?;
        }
        Ok(())
    }
}

fn field(out: &mut dyn Write, text: &str) -> io::Result<()> {
    if text.contains(['"', ',', '\r', '\n']) {
        out.write_all(b"\"")?;
        out.write_all(text.replace('"', "\"\"").as_bytes())?;
        out.write_all(b"\"")
    } else {
        out.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_what_needs_quotes() {
        let names = ["plain", "a,b", "say \"hi\"", "two\nlines"].map(String::from);
        let mut out = Vec::new();
        CsvWriter::new(&mut out, &names).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\r\n");
    }
}
