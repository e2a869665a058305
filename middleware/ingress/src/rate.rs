//! A limit on how many a second.

use std::time::{Duration, Instant};

/// A token bucket that holds a tenth of a second's worth, at least one.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: f64,
    tokens: f64,
    at: Instant,
}

impl Rate {
    /// At most `per_second`; 0: no limit.
    pub fn new(per_second: f64) -> Self {
        Self { per_second, tokens: (per_second / 10.0).max(1.0), at: Instant::now() }
    }

    /// Takes one, or says how long to wait for it.
    pub fn take(&mut self) -> Result<(), Duration> {
        if self.per_second == 0.0 {
            return Ok(());
        }
        if self.tokens < 1.0 {
            let now = Instant::now();
            let new = now.duration_since(self.at).as_secs_f64() * self.per_second;
            self.tokens = (self.tokens + new).min((self.per_second / 10.0).max(1.0));
            self.at = now;
        }
        if self.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.tokens) / self.per_second));
        }
        self.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_it_takes_time() {
        let mut rate = Rate::new(100.0);
        let taken: Vec<_> = (0..100).map(|_| rate.take()).collect();
        let passed = taken.iter().filter(|it| it.is_ok()).count();
        assert!((10..80).contains(&passed), "{passed}");
        let wait = taken.into_iter().find_map(Result::err).unwrap();
        assert!(wait <= Duration::from_millis(10), "{wait:?}");
        assert!((0..1000).all(|_| Rate::new(0.0).take().is_ok()));
    }

    #[test]
    fn the_lowest_rate_is_a_wait_that_can_be_counted() {
        let mut rate = Rate::new(1e-6);
        assert_eq!(rate.take(), Ok(()));
        assert!(rate.take().is_err_and(|wait| wait > Duration::from_secs(900_000)));
    }
}
