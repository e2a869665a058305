//! The feed's rate, spreads and faults.

use std::collections::HashMap;

use tidewire_sim::fault::{Fault, Kind};
use tidewire_sim::gateway::{Event, Gateway, Options};

fn events(gateway: &mut Gateway, seconds: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for _ in 0..seconds * 500 {
        gateway.step(0.002, |event| events.push(event));
    }
    events
}

fn quotes(events: &[Event]) -> HashMap<&'static str, Vec<(f64, f64)>> {
    let mut quotes: HashMap<_, Vec<_>> = HashMap::new();
    for event in events {
        if let Event::Quote { symbol, bid, ask, .. } = event {
            quotes.entry(*symbol).or_default().push((*bid, *ask));
        }
    }
    quotes
}

#[test]
fn the_rate_is_the_one_asked_for_and_all_symbols_trade() {
    let mut gateway = Gateway::new(&Options { rate: 5000.0, ..Options::default() });
    let events = events(&mut gateway, 240);
    let rate = events.len() as f64 / 240.0;
    assert!((rate - 5000.0).abs() < 500.0, "{rate}");
    assert_eq!(quotes(&events).len(), 20);
}

#[test]
fn spreads_are_positive_whole_ticks_and_narrow() {
    let mut gateway = Gateway::new(&Options::default());
    for (symbol, quotes) in quotes(&events(&mut gateway, 10)) {
        for (bid, ask) in quotes {
            let ticks = (ask - bid) * 100.0;
            assert!(ticks > 0.99 && (ticks - ticks.round()).abs() < 1e-6, "{symbol}: {bid} {ask}");
            assert!((ask - bid) / bid < 0.01, "{symbol}: {bid} {ask}");
        }
    }
}

#[test]
fn a_stale_feed_repeats_its_last_quotes() {
    let mut gateway = Gateway::new(&Options::default());
    events(&mut gateway, 2);
    gateway.fault(Some(&Fault { id: 1, kind: Kind::StaleFeed, start_s: 2.0, end_s: 7.0 }), 3.0);
    for (symbol, quotes) in quotes(&events(&mut gateway, 3)) {
        assert!(quotes.windows(2).all(|w| w[0] == w[1]), "{symbol} moved");
    }
}

#[test]
fn one_seed_one_market() {
    let make = |seed| events(&mut Gateway::new(&Options { seed, ..Options::default() }), 2);
    assert_eq!(make(1), make(1));
    assert_ne!(make(1), make(2));
}
