//! The bus's clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock: ns since the Unix epoch, UTC.
///
/// ```
/// assert!(tidewire_bus::now_ns() > 1_700_000_000_000_000_000);
/// ```
pub fn now_ns() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i64,
        Err(before) => -(before.duration().as_nanos() as i64),
    }
}
