//! Plays a CSV file onto the bus: one sample per row, at the pace of its time column.
//!
//! The IDL type of a row comes from the registry (`type: skab::Row`): columns and members are
//! paired by name, ignoring case and punctuation ([`columns`]). Label columns (`anomaly`,
//! `changepoint`) are no sensor values: they go out on `<topic>_label`. Without a type one is made
//! from the header, and can be written down as IDL for those who will read the recording.
//!
//! ```
//! use tidewire_sim::csv::Table;
//!
//! let text = "datetime;Volume Flow RateRMS;anomaly\n2020-03-09 12:14:36;76.5;0\n2020-03-09 12:14:37;76.9;1\n";
//! let table = Table::parse("run.csv".as_ref(), text.as_bytes(), &["anomaly".into()])?;
//! assert_eq!(table.columns, ["Volume Flow RateRMS"]);
//! assert_eq!(table.rows[1].time_ns - table.rows[0].time_ns, 1_000_000_000);
//! assert_eq!(table.rows[1].labels, [1.0]);
//! # Ok::<(), tidewire_sim::SimError>(())
//! ```

pub mod columns;
mod node;
mod read;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use node::run;
pub use read::{Row, Table};

/// What a launch file or `tidewire sim csv` may set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The file; `;`, `,`, tab and `|` are told apart by the header.
    pub file: PathBuf,
    /// IDL type of a row (`module::Name`); empty: made from the header as `csv::<Topic>`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Topic of the rows.
    pub topic: String,
    /// Collection point: the value of the type's member `point`, if it has one.
    pub point: String,
    /// How many times faster than recorded; 0: as fast as the readers take it.
    pub speed: f64,
    /// Starts over at the end of the file.
    #[serde(rename = "loop")]
    pub repeat: bool,
    /// Columns that go to `<topic>_label` instead.
    pub labels: Vec<String>,
    /// Which time samples carry.
    pub stamp: Stamp,
    /// Writes the row type as IDL to this file.
    pub idl_out: Option<PathBuf>,
}

/// The source time of a row's sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamp {
    /// The time in the file, so that a query shows the experiment's own clock.
    #[default]
    File,
    /// The time of writing.
    Now,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            file: PathBuf::new(),
            type_name: String::new(),
            topic: "rows".into(),
            point: "csv".into(),
            speed: 1.0,
            repeat: false,
            labels: vec!["anomaly".into(), "changepoint".into()],
            stamp: Stamp::File,
            idl_out: None,
        }
    }
}
