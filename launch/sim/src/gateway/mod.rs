//! A trading gateway: quotes and trades of twenty correlated symbols, in bursts.
//!
//! Prices are geometric random walks with a common factor and two volatility regimes
//! ([`prices`]); events arrive as a self-exciting process ([`arrivals`]), as order flow does; the
//! spread follows volatility and never falls below a tick.
//!
//! ```
//! use tidewire_sim::gateway::{Event, Gateway, Options};
//!
//! let mut gateway = Gateway::new(&Options { rate: 2000.0, ..Options::default() });
//! let mut events = 0;
//! for _ in 0..1000 {
//!     gateway.step(0.001, |event| {
//!         events += 1;
//!         if let Event::Quote { bid, ask, .. } = event {
//!             assert!(bid > 0.0 && ask > bid);
//!         }
//!     });
//! }
//! assert!(events > 500, "{events} events in a second");
//! ```

pub mod arrivals;
pub mod prices;

mod node;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Kind, Plan};
use crate::noise::gauss;
use arrivals::Arrivals;
use prices::{Market, SYMBOLS};

pub use node::run;

/// What a launch file or `tidewire sim gateway` may set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Collection point: part of the key of every sample.
    pub point: String,
    /// Seed of prices, order flow and faults.
    pub seed: u64,
    /// Mean events (quotes and trades) a second.
    pub rate: f64,
    /// Share of the events that are trades.
    pub trades: f64,
    /// What breaks and when.
    pub faults: Plan,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            point: "exchange/gateway".into(),
            seed: 1,
            rate: 2000.0,
            trades: 0.15,
            faults: Plan { kinds: vec![Kind::FlashCrash, Kind::StaleFeed], ..Plan::default() },
        }
    }
}

/// What the feed carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// A new best bid and offer.
    Quote {
        /// Ticker.
        symbol: &'static str,
        /// Best bid.
        bid: f64,
        /// Best offer.
        ask: f64,
        /// Shares bid for.
        bid_size: u32,
        /// Shares offered.
        ask_size: u32,
    },
    /// A trade at the bid or the offer.
    Trade {
        /// Ticker.
        symbol: &'static str,
        /// Price paid.
        price: f64,
        /// Shares.
        size: u32,
        /// Whether the buyer took the offer.
        bought: bool,
    },
}

/// Market and order flow behind one feed.
#[derive(Clone, Debug)]
pub struct Gateway {
    rng: StdRng,
    market: Market,
    arrivals: Arrivals,
    trades: f64,
    /// Book last sent for each symbol: a stale feed sends it again.
    sent: [Option<(f64, f64, u32, u32)>; SYMBOLS],
    stale: bool,
}

impl Gateway {
    /// A market at its opening prices.
    pub fn new(options: &Options) -> Self {
        Self {
            rng: StdRng::seed_from_u64(options.seed),
            market: Market::new(),
            arrivals: Arrivals::new(options.rate),
            trades: options.trades,
            sent: [None; SYMBOLS],
            stale: false,
        }
    }

    /// Applies the fault going on at `t` seconds, or none.
    pub fn fault(&mut self, fault: Option<&Fault>, t: f64) {
        let crash = fault.filter(|f| f.kind == Kind::FlashCrash).map(|f| f.progress(t));
        self.market.crash(crash);
        self.stale = fault.is_some_and(|f| f.kind == Kind::StaleFeed);
    }

    /// Advances `dt` seconds and hands out what happened in them.
    pub fn step(&mut self, dt: f64, mut out: impl FnMut(Event)) {
        self.market.step(dt, &mut self.rng);
        // Trading is busier when prices move.
        let count = self.arrivals.step(dt, self.market.excitement(), &mut self.rng);
        for _ in 0..count {
            let index = self.market.pick(&mut self.rng);
            let (symbol, bid, ask) = self.market.book(index);
            if self.rng.random_bool(self.trades) {
                let bought = self.rng.random_bool(0.5);
                let price = if bought { ask } else { bid };
                // Takers move the price a little their way.
                self.market.impact(index, if bought { 1.0 } else { -1.0 });
                let size = lots(&mut self.rng);
                out(Event::Trade { symbol, price, size, bought });
            } else {
                let fresh = (bid, ask, lots(&mut self.rng), lots(&mut self.rng));
                let (bid, ask, bid_size, ask_size) = match (self.stale, self.sent[index]) {
                    (true, Some(last)) => last,
                    _ => fresh,
                };
                self.sent[index] = Some((bid, ask, bid_size, ask_size));
                out(Event::Quote { symbol, bid, ask, bid_size, ask_size });
            }
        }
    }
}

/// A size in shares: log-normal, in lots of a hundred.
fn lots(rng: &mut StdRng) -> u32 {
    let hundreds = (0.9 + 0.9 * gauss(rng)).exp().clamp(1.0, 500.0);
    hundreds as u32 * 100
}
