//! What a filter costs per sample, beside decoding it.
//!
//! ```console
//! cargo run --profile demo -p tidewire-filter --example cost
//! ```

use std::hint::black_box;
use std::time::Instant;

use tidewire_filter::Filter;
use tidewire_idl::{Codec, Encoding, TypeSupport};
use tidewire_types::bench::Block1K;
use tidewire_types::market::Trade;
use tidewire_types::sensor::{Imu, Vibration};

const ROUNDS: u32 = 200_000;
const TRIES: usize = 9;

/// Median of some tries, ns per call.
fn measure<R>(mut call: impl FnMut() -> R) -> f64 {
    let mut tries: Vec<f64> = (0..TRIES)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..ROUNDS / TRIES as u32 {
                black_box(call());
            }
            begun.elapsed().as_nanos() as f64 / f64::from(ROUNDS / TRIES as u32)
        })
        .collect();
    tries.sort_by(f64::total_cmp);
    tries[TRIES / 2]
}

fn show<T: TypeSupport>(value: &T, expressions: &[&str]) -> Result<(), Box<dyn std::error::Error>> {
    let mut payload = Vec::new();
    value.encode(Encoding::default(), &mut payload);
    let codec = Codec::new(&T::descriptor())?;
    let typed = measure(|| T::decode(black_box(&payload)));
    let dynamic = measure(|| codec.decode(black_box(&payload)));
    println!(
        "{} ({} bytes): typed decoding {typed:.0} ns, by description {dynamic:.0} ns",
        T::TYPE_NAME,
        payload.len()
    );
    for expression in expressions {
        let filter = Filter::new(&T::descriptor(), expression, &[])?;
        let says = filter.matches(&payload)?;
        let ns = measure(|| filter.matches(black_box(&payload)));
        println!("  {ns:6.0} ns  {says:5}  {expression}");
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let point = || "plant/pump1".to_owned();
    show(
        &Vibration { point: point(), x: 1.0, y: 2.0, z: 3.0 },
        &["x > 3", "z > 2.5", "point = 'plant/pump1'", "x > 3 OR y > 3 OR z BETWEEN 2 AND 4"],
    )?;
    show(
        &Trade {
            point: point(),
            symbol: "SAP".into(),
            price: 181.5,
            size: 100,
            ..Default::default()
        },
        &["symbol LIKE 'S%' AND price > 180", "side = SELL", "NOT (size < 50 OR symbol = 'BMW')"],
    )?;
    show(&Imu { point: point(), ..Default::default() }, &["linear_acceleration[2] > 9.8"])?;
    show(&Block1K { data: [7; 1024] }, &["data[1023] = 7"])?;
    Ok(())
}
