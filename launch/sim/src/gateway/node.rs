use std::sync::atomic::AtomicBool;

use tidewire_bus::Participant;
use tidewire_qos::Qos;
use tidewire_types::market::{Quote, Side, Trade};

use super::{Event, Gateway, Options};
use crate::error::SimError;
use crate::pace::Pacer;
use crate::source::{Stats, Truth, Wiring};

/// How often the feed is polled, in Hz: packets of a real feed carry some milliseconds of events.
const POLLS: f64 = 500.0;

/// Publishes `quotes`, `trades` and `truth` until `stop` is set.
pub fn run(
    participant: &Participant,
    options: &Options,
    wiring: &Wiring,
    stop: &AtomicBool,
    stats: &Stats,
) -> Result<(), SimError> {
    check(options)?;
    let quotes = wiring.writer::<Quote>(participant, "quotes", Qos::reliable(), stats)?;
    let trades = wiring.writer::<Trade>(participant, "trades", Qos::reliable(), stats)?;
    let mut truth =
        Truth::new(participant, wiring, stats, &options.point, &options.faults, options.seed)?;
    quotes.wait(wiring, participant, stop)?;
    trades.wait(wiring, participant, stop)?;
    truth.wait(participant, stop)?;
    stats.set_ready();

    let mut gateway = Gateway::new(options);
    let mut tick = 0u64;
    let mut pacer = Pacer::new(POLLS);
    loop {
        let due = pacer.wait(stop);
        if due == 0 {
            quotes.finish();
            trades.finish();
            truth.finish();
            return Ok(());
        }
        for _ in 0..due {
            let t = tick as f64 / POLLS;
            gateway.fault(truth.advance(t), t);
            gateway.step(1.0 / POLLS, |event| match event {
                Event::Quote { symbol, bid, ask, bid_size, ask_size } => quotes.write(&Quote {
                    point: options.point.clone(),
                    symbol: symbol.to_owned(),
                    bid,
                    ask,
                    bid_size,
                    ask_size,
                }),
                Event::Trade { symbol, price, size, bought } => trades.write(&Trade {
                    point: options.point.clone(),
                    symbol: symbol.to_owned(),
                    price,
                    size,
                    side: if bought { Side::Buy } else { Side::Sell },
                }),
            });
            tick += 1;
        }
    }
}

fn check(options: &Options) -> Result<(), SimError> {
    if !(options.rate > 0.0 && options.rate <= 1e6) {
        let remedy = "give events per second, above 0 and up to 1000000".to_owned();
        return Err(SimError::Option { option: "rate", value: options.rate.to_string(), remedy });
    }
    if !(0.0..=1.0).contains(&options.trades) {
        let remedy = "give a share between 0 and 1".to_owned();
        return Err(SimError::Option {
            option: "trades",
            value: options.trades.to_string(),
            remedy,
        });
    }
    Ok(())
}
