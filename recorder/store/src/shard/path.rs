//! Where a shard lives: `shards/<start of the period>/<partition>/`.
//!
//! The period comes first so that retention can drop a whole period by removing one folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::StoreError;

/// Folder of the shards inside a recording.
pub const SHARDS: &str = "shards";
/// LMDB's data file inside a shard.
pub const DATA: &str = "data.mdb";

/// Identifies a shard inside its recording.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardKey {
    /// Source time divided by the period, rounded down.
    pub period: i64,
    /// Folder name of the partition.
    pub partition: Arc<str>,
}

impl ShardKey {
    /// The shard's folder.
    pub fn dir(&self, recording: &Path, period_ns: i64) -> PathBuf {
        let seconds = i128::from(self.period) * i128::from(period_ns) / 1_000_000_000;
        recording.join(SHARDS).join(format_utc(seconds as i64)).join(&*self.partition)
    }
}

/// The period a source time falls into.
pub fn period_of(source_time: i64, period_ns: i64) -> i64 {
    source_time.div_euclid(period_ns)
}

/// All shards of a recording in (period, partition) order.
pub fn list(recording: &Path, period_ns: i64) -> Result<Vec<ShardKey>, StoreError> {
    let mut keys = Vec::new();
    for period_dir in folders(&recording.join(SHARDS))? {
        let name = period_dir.file_name().and_then(|n| n.to_str());
        let Some(seconds) = name.and_then(parse_utc) else { continue };
        let period = (i128::from(seconds) * 1_000_000_000).div_euclid(period_ns.into()) as i64;
        for shard in folders(&period_dir)? {
            // A shard that is just being made has a folder but no data yet.
            if !shard.join(DATA).exists() {
                continue;
            }
            if let Some(partition) = shard.file_name().and_then(|n| n.to_str()) {
                keys.push(ShardKey { period, partition: partition.into() });
            }
        }
    }
    keys.sort();
    Ok(keys)
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        // Not made yet, or just dropped by retention.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(StoreError::io(dir, "list")(e)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.map_err(StoreError::io(dir, "list"))?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    Ok(folders)
}

/// `20261122T150000Z`; every second that an i64 of nanoseconds can name has a four-digit year.
fn format_utc(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86400), seconds.rem_euclid(86400));
    let (year, month, day) = civil(days);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{h:02}{m:02}{s:02}Z")
}

fn parse_utc(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' || !text.is_ascii() {
        return None;
    }
    let field = |range: std::ops::Range<usize>| text[range].parse::<i64>().ok();
    let days = days(field(0..4)?, field(4..6)?, field(6..8)?);
    Some(days * 86400 + field(9..11)? * 3600 + field(11..13)? * 60 + field(13..15)?)
}

/// Days since 1970-01-01 to (year, month, day) and back, in the proleptic Gregorian calendar.
/// Counting years from March puts the leap day last, and 153 days make five months.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + carry, month, day)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_names_round_trip_over_the_whole_range() {
        assert_eq!(format_utc(0), "19700101T000000Z");
        assert_eq!(format_utc(1_795_305_600), "20261122T000000Z");
        assert_eq!(format_utc(-1), "19691231T235959Z");
        let (low, high) = (i64::MIN / 1_000_000_000 - 1, i64::MAX / 1_000_000_000);
        for step in 0..20_000 {
            let seconds = low + (high - low) / 20_000 * step;
            assert_eq!(parse_utc(&format_utc(seconds)), Some(seconds));
        }
        assert_eq!(parse_utc("lost+found"), None);
    }

    #[test]
    fn folders_and_periods_match() {
        let hour = 3_600_000_000_000;
        for time in [i64::MIN, -1, 0, 1, 1_795_305_600_000_000_000, i64::MAX] {
            let key = ShardKey { period: period_of(time, hour), partition: "p".into() };
            let dir = key.dir(Path::new("/r"), hour);
            let name = dir.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
            let seconds = i128::from(parse_utc(&name).unwrap());
            assert_eq!((seconds * 1_000_000_000).div_euclid(hour.into()) as i64, key.period);
        }
    }
}
