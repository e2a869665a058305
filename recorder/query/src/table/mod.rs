//! The answer to a query, and its text, CSV and JSON forms.
//!
//! ```
//! use std::str::FromStr;
//! use tidewire_query::{Engine, Format};
//!
//! let dir = tempfile::tempdir()?;
//! tidewire_store::Store::open(dir.path(), Default::default())?.close()?;
//! let table = Engine::open(dir.path())?.sql_blocking("SELECT 1 AS one, 'a,b' AS two")?;
//! assert_eq!(table.to_csv(), "one,two\r\n1,\"a,b\"\r\n");
//! assert_eq!(table.to_json().to_string(), r#"[{"one":1,"two":"a,b"}]"#);
//! assert_eq!(Format::from_str("csv")?, Format::Csv);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cell;
mod csv;
mod json;
mod text;
mod time;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use serde_json::Value;

pub(crate) use cell::JSON_MARK;
pub(crate) use csv::CsvWriter;
pub(crate) use json::JsonWriter;

use cell::{Cell, cell};

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns for people.
    #[default]
    Table,
    /// RFC 4180: a header line, CRLF line ends, quotes where needed.
    Csv,
    /// An array of objects; times as RFC 3339 text with nine fractional digits.
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "table" | "text" => Ok(Self::Table),
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            other => Err(format!("unknown format \"{other}\": use table, csv or json")),
        }
    }
}

/// Rows and named columns.
#[derive(Clone, Debug)]
pub struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    names: Vec<String>,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
        names: Vec<String>,
        notes: Vec<String>,
    ) -> Self {
        Self { schema, batches, names, notes }
    }

    /// Column names in order.
    pub fn columns(&self) -> &[String] {
        &self.names
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a user may want to know beside the rows, such as a name read in another case.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The rows as Arrow batches; their field names are the planner's, [`Table::columns`] ours.
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// The Arrow schema of [`Table::batches`].
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Every row as JSON values in column order: integers, floats, text, RFC 3339 times.
    pub fn rows(&self) -> impl Iterator<Item = Vec<Value>> + '_ {
        self.cells().map(|row| row.iter().map(Cell::json).collect())
    }

    /// One value by row and column name.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # tidewire_store::Store::open(dir.path(), Default::default())?.close()?;
    /// # let engine = tidewire_query::Engine::open(dir.path())?;
    /// let table = engine.sql_blocking("SELECT 6 * 7 AS answer")?;
    /// assert_eq!(table.value(0, "answer"), Some(serde_json::json!(42)));
    /// assert_eq!(table.value(1, "answer"), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn value(&self, row: usize, column: &str) -> Option<Value> {
        let index = self.names.iter().position(|n| n == column)?;
        let mut left = row;
        for batch in &self.batches {
            if left < batch.num_rows() {
                return Some(cell(batch, index, left).json());
            }
            left -= batch.num_rows();
        }
        None
    }

    /// Aligned text of at most `max_rows` rows (all when `None`), with a line that says how many
    /// there are.
    pub fn to_text(&self, max_rows: Option<usize>) -> String {
        text::render(self, max_rows)
    }

    /// RFC 4180 text with a header line.
    pub fn to_csv(&self) -> String {
        let mut out = Vec::new();
        // Writing to memory cannot fail, and every cell's text is UTF-8.
        let _ = self.write(Format::Csv, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Array of objects.
    pub fn to_json(&self) -> Value {
        let object = |row: Vec<Value>| Value::Object(self.names.iter().cloned().zip(row).collect());
        Value::Array(self.rows().map(object).collect())
    }

    /// Writes the table in `format`; text is not shortened.
    pub fn write(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Table => out.write_all(self.to_text(None).as_bytes()),
            Format::Csv => {
                let mut writer = CsvWriter::new(out, &self.names)?;
                self.batches.iter().try_for_each(|batch| writer.batch(batch))
            }
            Format::Json => {
                let mut writer = JsonWriter::new(out, &self.names)?;
                self.batches.iter().try_for_each(|batch| writer.batch(batch))?;
                writer.finish()
            }
        }
    }

    fn cells(&self) -> impl Iterator<Item = Vec<Cell<'_>>> {
        self.batches.iter().flat_map(|batch| {
            (0..batch.num_rows())
                .map(move |row| (0..batch.num_columns()).map(|c| cell(batch, c, row)).collect())
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(None))
    }
}
