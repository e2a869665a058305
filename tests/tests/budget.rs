//! The shared memory of a topic, as `tidewire topic info` tells it.

use std::time::Duration;

use serde_json::Value;
use tidewire_bus::{Participant, testing};
use tidewire_qos::Qos;
use tidewire_tests::tidewire;
use tidewire_types::bench::Block64K;

fn info(domain: u16, more: &[&str]) -> String {
    let domain = domain.to_string();
    let args = [&["topic", "info", "blocks", "--domain", &domain][..], more].concat();
    let output = tidewire(&args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn reserved_and_used_memory_of_each_writer_are_told() {
    let domain = testing::free_domain();
    let bus = Participant::builder().domain(domain).name("plant/camera").build().unwrap();
    let writer = bus.writer::<Block64K>("blocks", &Qos::reliable()).unwrap();
    let told: Value = serde_json::from_str(&info(domain, &["--json"])).unwrap();
    assert_eq!(told["shared_memory"]["segments"], Value::Array(Vec::new()), "nobody reads");

    let reader = bus.reader::<Block64K>("blocks", &Qos::reliable()).unwrap();
    writer.wait_for_readers(1, Duration::from_secs(30)).unwrap();
    for _ in 0..10 {
        let mut loan = writer.loan().unwrap();
        loan.data.fill(7);
        loan.send().unwrap();
    }
    let told: Value = serde_json::from_str(&info(domain, &["--json"])).unwrap();
    let memory = &told["shared_memory"];
    let number = |value: &Value| value.as_u64().unwrap();
    let segments = memory["segments"].as_array().unwrap();
    // Chunks the writer has grown out of may be there for a while.
    let segment = segments.iter().max_by_key(|s| number(&s["chunk_size"])).unwrap();
    assert_eq!(segment["participant"], "plant/camera");
    assert_eq!(segment["readers"], "RELIABLE");
    let (chunks, size) = (number(&segment["chunks"]), number(&segment["chunk_size"]));
    let (reserved, used) = (number(&segment["reserved"]), number(&segment["used"]));
    assert!(size >= 65_536 + 4, "{memory}");
    assert!(reserved >= chunks * size, "{memory}");
    assert!(used >= 10 * 65_536 && used < reserved, "ten samples wait for the reader: {memory}");
    let sum = |name: &str| segments.iter().map(|s| number(&s[name])).sum::<u64>();
    assert_eq!(number(&memory["reserved"]), sum("reserved"));
    assert_eq!(number(&memory["used"]), sum("used"));

    let text = info(domain, &[]);
    assert!(
        text.contains("shared memory: ") && text.contains("plant/camera  for RELIABLE"),
        "{text}"
    );
    drop((reader, writer));
}
