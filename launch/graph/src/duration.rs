//! Durations as launch files write them: a number and a unit.

use std::time::Duration;

/// `250ms`, `1.5s`, `2m`, `1h`, `10us`, `5ns`; `None` for anything else.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(tidewire_graph::parse_duration("1.5s"), Some(Duration::from_millis(1500)));
/// assert_eq!(tidewire_graph::parse_duration("5"), None);
/// ```
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let seconds = match unit {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    Duration::try_from_secs_f64(number * seconds).ok()
}
