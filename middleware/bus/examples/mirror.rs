//! Prints every sample of a topic of any type and writes it, byte for byte, onto another topic.
//!
//! `cargo run --example mirror -- DOMAIN TOPIC [OTHER_TOPIC]`

use std::time::Duration;

use tidewire_bus::{InstanceState, Participant, now_ns};
use tidewire_qos::Qos;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let domain = args.next().ok_or("which DOMAIN?")?.parse()?;
    let topic = args.next().ok_or("which TOPIC?")?;
    let other = args.next();

    let bus = Participant::builder().domain(domain).name("example/mirror").build()?;
    let found = bus.find_topic(&topic, Duration::from_secs(30))?;
    println!("{} {} keyed={}", found.name, found.type_name, found.keyed);
    for topic in bus.topics() {
        for endpoint in topic.writers.iter().chain(&topic.readers) {
            println!("  {} {} {}", topic.name, endpoint.guid, endpoint.qos);
        }
    }
    let offered = bus
        .topics()
        .into_iter()
        .find(|t| t.name == topic)
        .and_then(|t| t.writers.into_iter().next())
        .map_or_else(Qos::reliable, |writer| writer.qos);
    let mut qos = Qos::reliable();
    qos.durability = offered.durability;
    let reader = bus.raw_reader(&found, &qos)?;
    qos.data_representation = offered.data_representation;
    let writer = match other {
        Some(name) => {
            let topic = tidewire_bus::RawTopic { name, ..found };
            let writer = bus.raw_writer(&topic, &qos)?;
            writer.wait_for_readers(1, Duration::from_secs(30))?;
            Some(writer)
        }
        None => None,
    };
    while let Some(sample) = reader.recv_timeout(Duration::from_secs(5))? {
        let hex: String = sample.payload.iter().map(|byte| format!("{byte:02x}")).collect();
        println!(
            "#{} {:?} point={} age={}us {hex}",
            sample.info.sequence,
            sample.info.state,
            sample.info.point,
            (now_ns() - sample.info.source_time) / 1000
        );
        let Some(writer) = &writer else { continue };
        match sample.info.state {
            InstanceState::Alive => {
                writer.write(&sample.payload, sample.info.source_time, None)?;
            }
            _ => writer.dispose(&sample.payload, None, sample.info.source_time)?,
        }
    }
    println!("received {} lost {}", reader.received(), reader.lost());
    if let Some(writer) = &writer {
        println!("acknowledged {}", writer.wait_for_acknowledgments(Duration::from_secs(5)));
    }
    Ok(())
}
