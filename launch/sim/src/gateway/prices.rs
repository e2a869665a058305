//! Twenty prices that move together and apart.
//!
//! ```
//! use rand::{SeedableRng, rngs::StdRng};
//! use tidewire_sim::gateway::prices::Market;
//!
//! let mut market = Market::new();
//! market.step(0.001, &mut StdRng::seed_from_u64(1));
//! let (symbol, bid, ask) = market.book(0);
//! assert_eq!(symbol, "AUR");
//! assert!(ask - bid >= 0.0099, "at least a tick");
//! ```

use rand::Rng;
use rand::rngs::StdRng;

use crate::noise::gauss;

/// Symbols of the market.
pub const SYMBOLS: usize = 20;

/// Smallest price step.
const TICK: f64 = 0.01;

/// Seconds of trading in a year of 252 days of 6.5 hours.
const YEAR: f64 = 252.0 * 6.5 * 3600.0;

/// (ticker, opening price, volatility a year, beta on the common factor).
const LISTING: [(&str, f64, f64, f64); SYMBOLS] = [
    ("AUR", 182.4, 0.28, 1.1),
    ("BOR", 64.2, 0.35, 0.9),
    ("CER", 412.7, 0.24, 1.2),
    ("DUN", 27.9, 0.48, 1.4),
    ("ELM", 98.3, 0.22, 0.7),
    ("FJO", 143.6, 0.31, 1.0),
    ("GAL", 55.1, 0.40, 1.1),
    ("HAV", 231.0, 0.26, 0.8),
    ("IRI", 18.6, 0.55, 1.5),
    ("JUN", 76.4, 0.33, 0.9),
    ("KIT", 305.2, 0.29, 1.3),
    ("LUM", 121.8, 0.27, 1.0),
    ("MAR", 49.7, 0.38, 0.8),
    ("NOR", 88.0, 0.21, 0.6),
    ("OLM", 164.9, 0.30, 1.1),
    ("PYR", 35.3, 0.45, 1.3),
    ("QUA", 258.4, 0.25, 0.9),
    ("RIV", 71.2, 0.36, 1.0),
    ("SOL", 110.5, 0.42, 1.6),
    ("TID", 196.1, 0.23, 0.7),
];

/// How far the common factor falls in a flash crash (log scale).
const FALL: f64 = 0.07;

/// Volatility of the turbulent regime over the calm one, and how long each lasts on average (s).
const TURBULENT: f64 = 2.5;
const CALM_S: f64 = 40.0;
const TURBULENT_S: f64 = 8.0;

/// All prices and what drives them.
#[derive(Clone, Debug)]
pub struct Market {
    log_price: [f64; SYMBOLS],
    /// Cumulated popularity, for drawing symbols: a few make most of the traffic.
    popularity: [f64; SYMBOLS],
    turbulent: bool,
    crash: f64,
    panic: f64,
}

impl Default for Market {
    fn default() -> Self {
        Self::new()
    }
}

impl Market {
    /// All symbols at their opening prices, in the calm regime.
    pub fn new() -> Self {
        let mut popularity = [0.0; SYMBOLS];
        let mut sum = 0.0;
        for (rank, slot) in popularity.iter_mut().enumerate() {
            sum += 1.0 / (rank as f64 + 3.0);
            *slot = sum;
        }
        let popularity = popularity.map(|p| p / sum);
        Self {
            log_price: LISTING.map(|l| l.1.ln()),
            popularity,
            turbulent: false,
            crash: 0.0,
            panic: 0.0,
        }
    }

    /// Moves all prices by `dt` seconds.
    pub fn step(&mut self, dt: f64, rng: &mut StdRng) {
        let stay = if self.turbulent { TURBULENT_S } else { CALM_S };
        if rng.random_bool((dt / stay).min(1.0)) {
            self.turbulent = !self.turbulent;
        }
        let scale = if self.turbulent { TURBULENT } else { 1.0 } * (dt / YEAR).sqrt();
        let common = 0.16 * gauss(rng);
        for (price, (_, _, volatility, beta)) in self.log_price.iter_mut().zip(LISTING) {
            let own = (volatility * volatility - (0.16 * beta).powi(2)).max(0.01).sqrt();
            *price += scale * (beta * common + own * gauss(rng));
        }
    }

    /// Sets how far a flash crash has come (0 to 1), or that there is none.
    ///
    /// Prices fall within the first third and recover by the end.
    pub fn crash(&mut self, progress: Option<f64>) {
        let depth = progress.map_or(0.0, |p| if p < 0.33 { p / 0.33 } else { (1.0 - p) / 0.67 });
        self.crash = FALL * depth;
        self.panic = if progress.is_some() { 1.0 } else { 0.0 };
    }

    /// How much busier than usual the market is: 1 when calm.
    pub fn excitement(&self) -> f64 {
        if self.turbulent || self.panic > 0.0 { 1.3 } else { 0.94 }
    }

    /// Draws the symbol of the next event.
    pub fn pick(&self, rng: &mut StdRng) -> usize {
        let draw: f64 = rng.random();
        self.popularity.iter().position(|p| draw < *p).unwrap_or(SYMBOLS - 1)
    }

    /// Ticker, best bid and best offer of a symbol.
    pub fn book(&self, index: usize) -> (&'static str, f64, f64) {
        let (symbol, _, volatility, beta) = LISTING[index];
        let middle = (self.log_price[index] - beta * self.crash).exp();
        let regime = if self.turbulent { 1.6 } else { 1.0 };
        // Makers ask for some seconds' worth of volatility; in a panic they step away.
        let spread = middle * volatility * (4.0 / YEAR).sqrt() * regime * (1.0 + 9.0 * self.panic);
        let ticks = (spread / TICK).round().max(1.0);
        let bid = ((middle - ticks * TICK / 2.0) / TICK).round().max(1.0);
        // Whole ticks first, money last: prices print as they should.
        (symbol, bid / 100.0, (bid + ticks) / 100.0)
    }

    /// A taker on the `side` (+1 buys, -1 sells) moves the price by a fraction of a tick.
    pub fn impact(&mut self, index: usize, side: f64) {
        let price = self.log_price[index].exp();
        self.log_price[index] += side * 0.05 * TICK / price;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn prices_of_a_day_spread_as_their_volatility_says() {
        let mut rng = StdRng::seed_from_u64(4);
        let mut market = Market::new();
        let mut moves = Vec::new();
        for _ in 0..4_000 {
            let before = market.log_price[0];
            market.step(1.0, &mut rng);
            moves.push(market.log_price[0] - before);
        }
        let sigma = (moves.iter().map(|m| m * m).sum::<f64>() / moves.len() as f64).sqrt();
        let calm = 0.28 / YEAR.sqrt();
        assert!(sigma > 0.9 * calm && sigma < TURBULENT * calm, "{sigma} beside {calm}");
    }

    #[test]
    fn a_flash_crash_falls_and_comes_back() {
        let mut market = Market::new();
        let middle = |m: &Market| m.book(0).1;
        let open = middle(&market);
        market.crash(Some(0.33));
        assert!(middle(&market) < 0.95 * open);
        market.crash(None);
        assert!((middle(&market) - open).abs() < 0.05);
    }

    #[test]
    fn neighbours_move_together() {
        let mut rng = StdRng::seed_from_u64(8);
        let mut market = Market::new();
        let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
        for _ in 0..5_000 {
            let before = market.log_price;
            market.step(1.0, &mut rng);
            let (x, y) = (market.log_price[0] - before[0], market.log_price[2] - before[2]);
            (xy, xx, yy) = (xy + x * y, xx + x * x, yy + y * y);
        }
        let correlation = xy / (xx * yy).sqrt();
        assert!(correlation > 0.3 && correlation < 0.9, "{correlation}");
    }
}
