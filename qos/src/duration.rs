//! Spans of time as DDS counts them: whole nanoseconds, or infinite.
//!
//! ```
//! use tidewire_qos::Duration;
//! assert_eq!(Duration::from_millis(1_500).to_string(), "1500ms");
//! assert_eq!("infinite".parse(), Ok(Duration::INFINITE));
//! assert!(Duration::from_secs(3600) < Duration::INFINITE);
//! assert_eq!(Duration::INFINITE.to_std(), None);
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `Duration_t` (DDS 1.4, 2.3.2): never negative here, since every policy that carries one forbids it.
///
/// Ordered by length with [`Duration::INFINITE`] last. Printed, parsed and stored in JSON exactly, as
/// `"250ms"`, `"10s"`, `"7ns"` or `"infinite"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Duration(u64);

const NANOS: u64 = 1_000_000_000;

impl Duration {
    pub const ZERO: Self = Self(0);
    /// `DURATION_INFINITE`.
    pub const INFINITE: Self = Self(u64::MAX);
    /// The longest finite duration.
    pub const MAX: Self = Self(u64::MAX - 1);

    pub const fn from_nanos(nanos: u64) -> Self {
        Self(if nanos == u64::MAX { u64::MAX - 1 } else { nanos })
    }

    pub const fn from_micros(micros: u64) -> Self {
        Self::from_nanos(micros.saturating_mul(1_000))
    }

    pub const fn from_millis(millis: u64) -> Self {
        Self::from_nanos(millis.saturating_mul(1_000_000))
    }

    pub const fn from_secs(secs: u64) -> Self {
        Self::from_nanos(secs.saturating_mul(NANOS))
    }

    /// The two halves of `Duration_t`: `sec` and `nanosec`. The standard's infinite pair
    /// (`0x7fffffff`, `0xffffffff` or `0x7fffffff`) becomes [`Duration::INFINITE`]; negative seconds
    /// become zero.
    pub fn from_parts(sec: i32, nanosec: u32) -> Self {
        if sec == i32::MAX && nanosec >= i32::MAX as u32 {
            return Self::INFINITE;
        }
        match u64::try_from(sec) {
            Ok(sec) => Self::from_nanos(sec * NANOS + u64::from(nanosec)),
            Err(_) => Self::ZERO,
        }
    }

    /// `sec` and `nanosec` as `Duration_t` carries them; durations past 68 years saturate to infinite.
    pub fn to_parts(self) -> (i32, u32) {
        match i32::try_from(self.0 / NANOS) {
            Ok(sec) if self != Self::INFINITE => (sec, (self.0 % NANOS) as u32),
            _ => (i32::MAX, u32::MAX),
        }
    }

    pub const fn is_infinite(self) -> bool {
        self.0 == u64::MAX
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Nanoseconds, `None` if infinite.
    pub const fn nanos(self) -> Option<u64> {
        if self.is_infinite() { None } else { Some(self.0) }
    }

    /// The standard library's type, `None` if infinite.
    pub const fn to_std(self) -> Option<std::time::Duration> {
        match self.nanos() {
            Some(nanos) => Some(std::time::Duration::from_nanos(nanos)),
            None => None,
        }
    }
}

impl From<std::time::Duration> for Duration {
    fn from(value: std::time::Duration) -> Self {
        u64::try_from(value.as_nanos()).map_or(Self::MAX, Self::from_nanos)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, unit) = match self.0 {
            u64::MAX => return f.pad("infinite"),
            0 => (0, "s"),
            n if n % NANOS == 0 => (n / NANOS, "s"),
            n if n % 1_000_000 == 0 => (n / 1_000_000, "ms"),
            n if n % 1_000 == 0 => (n / 1_000, "us"),
            n => (n, "ns"),
        };
        f.pad(&format!("{value}{unit}"))
    }
}

/// What [`Duration::from_str`] says about text it cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a duration: write a number and a unit (`250ms`, `1.5s`, `2m`, `1h`) or `infinite`"
)]
pub struct ParseDurationError(pub String);

impl FromStr for Duration {
    type Err = ParseDurationError;

    /// A number with `ns`, `us`, `ms`, `s`, `m` or `h`, or `infinite`/`inf`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseDurationError(text.to_owned());
        let trimmed = text.trim();
        if matches!(trimmed, "infinite" | "inf" | "INFINITE") {
            return Ok(Self::INFINITE);
        }
        let split = trimmed.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
        let (number, unit) = trimmed.split_at(split);
        let scale: u64 = match unit {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => NANOS,
            "m" | "min" => 60 * NANOS,
            "h" => 3_600 * NANOS,
            _ => return Err(wrong()),
        };
        let number = number.trim();
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(scale).map(Self::from_nanos).ok_or_else(wrong);
        }
        match number.parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => {
                Ok(Self::from_nanos((value * scale as f64).round() as u64))
            }
            _ => Err(wrong()),
        }
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_exactly_what_it_parses() {
        for nanos in [0, 1, 999, 1_000, 1_500_000, 2 * NANOS, 90 * NANOS + 1, u64::MAX - 1] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(duration.to_string().parse(), Ok(duration));
        }
        assert_eq!("1.5s".parse(), Ok(Duration::from_millis(1500)));
        assert_eq!("2m".parse(), Ok(Duration::from_secs(120)));
        assert!("-1s".parse::<Duration>().is_err());
        assert!("10".parse::<Duration>().is_err());
        assert!("10 parsecs".parse::<Duration>().is_err());
    }

    #[test]
    fn parts_round_trip_and_saturate() {
        assert_eq!(Duration::from_parts(i32::MAX, u32::MAX), Duration::INFINITE);
        assert_eq!(Duration::from_parts(i32::MAX, i32::MAX as u32), Duration::INFINITE);
        assert_eq!(Duration::from_parts(-1, 0), Duration::ZERO);
        assert_eq!(Duration::from_parts(1, 5).to_parts(), (1, 5));
        assert_eq!(Duration::MAX.to_parts(), (i32::MAX, u32::MAX));
    }
}
