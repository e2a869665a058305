use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::columns::normal;
use crate::error::SimError;

/// One line of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// ns since the Unix epoch; times without a zone count as UTC.
    pub time_ns: i64,
    /// As many as the table has columns; an empty field is NaN.
    pub values: Vec<f64>,
    /// As many as the table has label columns.
    pub labels: Vec<f64>,
}

/// A whole CSV file in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Headers of the value columns.
    pub columns: Vec<String>,
    /// Headers of the label columns that the file has.
    pub labels: Vec<String>,
    /// In time order.
    pub rows: Vec<Row>,
}

enum Role {
    Time,
    Value,
    Label,
}

impl Table {
    /// Reads the file at `path`; `labels` are the headers to keep apart from the values.
    pub fn open(path: &Path, labels: &[String]) -> Result<Self, SimError> {
        let bytes = std::fs::read(path)
            .map_err(|source| SimError::File { path: path.to_owned(), source })?;
        Self::parse(path, &bytes, labels)
    }

    /// Reads CSV text; `path` is for messages only.
    pub fn parse(path: &Path, bytes: &[u8], labels: &[String]) -> Result<Self, SimError> {
        let wrong = |line: u64, what: String| SimError::Row { path: path.to_owned(), line, what };
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter(bytes)).from_reader(bytes);
        let header = reader.headers().map_err(|e| wrong(1, e.to_string()))?.clone();
        let mut records = Vec::new();
        for record in reader.records() {
            let record = record
                .map_err(|e| wrong(e.position().map_or(0, csv::Position::line), e.to_string()))?;
            records.push(record);
        }
        let Some(first) = records.first() else {
            return Err(wrong(1, "no rows below the header".into()));
        };
        let Some(time) = (0..header.len())
            .find(|i| first.get(*i).is_some_and(|field| looks_like_time(&header[*i], field)))
        else {
            return Err(wrong(
                2,
                "no column holds a time such as `2020-03-09 12:14:36`, an RFC 3339 time, or epoch seconds under a \
                 header called time"
                    .into(),
            ));
        };
        let is_label = |name: &str| labels.iter().any(|label| normal(label) == normal(name));
        let roles: Vec<Role> = header
            .iter()
            .enumerate()
            .map(|(i, name)| match i {
                i if i == time => Role::Time,
                _ if is_label(name) => Role::Label,
                _ => Role::Value,
            })
            .collect();
        let mut table = Self {
            columns: Vec::new(),
            labels: Vec::new(),
            rows: Vec::with_capacity(records.len()),
        };
        for (name, role) in header.iter().zip(&roles) {
            match role {
                Role::Time => {}
                Role::Value => table.columns.push(name.to_owned()),
                Role::Label => table.labels.push(name.to_owned()),
            }
        }
        for record in &records {
            let line = record.position().map_or(0, csv::Position::line);
            let mut row = Row { time_ns: 0, values: Vec::new(), labels: Vec::new() };
            for ((field, role), name) in record.iter().zip(&roles).zip(&header) {
                match role {
                    Role::Time => {
                        row.time_ns = time_ns(field)
                            .ok_or_else(|| wrong(line, format!("`{field}` in column `{name}` is no time")))?;
                    }
                    Role::Value => row.values.push(number(field).ok_or_else(|| {
                        wrong(line, format!("`{field}` in column `{name}` is no number; list text columns under `labels`"))
                    })?),
                    Role::Label => row.labels.push(number(field).unwrap_or(f64::NAN)),
                }
            }
            table.rows.push(row);
        }
        table.rows.sort_by_key(|row| row.time_ns);
        Ok(table)
    }
}

/// The separator that splits the header most often.
fn delimiter(bytes: &[u8]) -> u8 {
    let header = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |d: u8| header.iter().filter(|b| **b == d).count();
    // Ties go to the first in this order: a comma may be a decimal sign, so it is asked after `;`.
    let mut best = b';';
    for candidate in [b',', b'\t', b'|'] {
        if count(candidate) > count(best) {
            best = candidate;
        }
    }
    best
}

fn looks_like_time(header: &str, field: &str) -> bool {
    let named = ["time", "timestamp", "datetime", "date", "t"].contains(&normal(header).as_str());
    if number(field).is_some() { named } else { time_ns(field).is_some() }
}

fn number(field: &str) -> Option<f64> {
    let field = field.trim();
    if field.is_empty() { Some(f64::NAN) } else { field.parse().ok() }
}

fn time_ns(field: &str) -> Option<i64> {
    let field = field.trim();
    let nanoseconds = if let Ok(seconds) = field.parse::<f64>() {
        return seconds.is_finite().then_some((seconds * 1e9) as i64);
    } else if let Ok(stamp) = field.parse::<jiff::Timestamp>() {
        stamp.as_nanosecond()
    } else {
        let civil: DateTime = field.parse().ok()?;
        civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_nanosecond()
    };
    i64::try_from(nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Table, SimError> {
        Table::parse("a.csv".as_ref(), text.as_bytes(), &["anomaly".into()])
    }

    #[test]
    fn delimiters_and_times_are_told_apart() {
        for text in [
            "time,a\n2020-01-01T00:00:01Z,1\n",
            "timestamp;a\n2020-01-01 00:00:01;1\n",
            "t\ta\n1577836801\t1\n",
            "a|when\n1|2020-01-01 00:00:01.000\n",
        ] {
            let table = parse(text).unwrap();
            assert_eq!(table.rows[0].time_ns, 1_577_836_801_000_000_000, "{text}");
            assert_eq!(table.columns, ["a"]);
        }
    }

    #[test]
    fn a_bad_field_is_named_with_its_line() {
        let error = parse("time;a\n2020-01-01 00:00:01;1\n2020-01-01 00:00:02;x\n").unwrap_err();
        assert!(error.to_string().contains("a.csv:3: `x` in column `a` is no number"), "{error}");
    }

    #[test]
    fn a_file_without_times_says_what_is_looked_for() {
        let error = parse("a;b\n1;2\n").unwrap_err();
        assert!(error.to_string().contains("no column holds a time"), "{error}");
    }

    #[test]
    fn rows_come_in_time_order() {
        let table = parse("t;a\n2;20\n1;10\n").unwrap();
        assert_eq!(table.rows[0].values, [10.0]);
    }
}
