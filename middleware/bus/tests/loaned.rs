//! Plain samples on loan: the same bytes whichever way they came, in memory of the writer's where
//! they can be.

use std::time::Duration;

use tidewire_bus::{Participant, RawTopic, Transports, now_ns, testing};
use tidewire_idl::TypeSupport;
use tidewire_qos::Qos;
use tidewire_types::bench::Block1K;

const PATIENCE: Duration = Duration::from_secs(10);

fn wait_for<T>(bus: &Participant, mut take: impl FnMut() -> Option<T>) -> T {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = take() {
            return found;
        }
        assert!(std::time::Instant::now() < deadline, "no sample came");
        bus.wait(Duration::from_millis(20));
    }
}

#[test]
fn loaned_samples_are_right_over_either_transport() {
    for transports in [Transports { dds: true, shm: true }, Transports { dds: true, shm: false }] {
        let domain = testing::free_domain();
        let join = |name: &str| {
            Participant::builder().domain(domain).name(name).transports(transports).build().unwrap()
        };
        let (a, b) = (join("a"), join("b"));
        let reader = b.reader::<Block1K>("blocks", &Qos::reliable()).unwrap();
        let writer = a.writer::<Block1K>("blocks", &Qos::reliable()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        for fill in 1..=20 {
            let mut loan = writer.loan().unwrap();
            loan.data.fill(fill);
            loan.send().unwrap();
        }
        for fill in 1..=20 {
            let sample = wait_for(&b, || reader.take_loaned().unwrap());
            assert!(sample.data.iter().all(|&byte| byte == fill), "{transports:?}");
            assert_eq!(sample.info().sequence, u64::from(fill));
        }
    }
}

#[test]
fn a_payload_that_cannot_be_read_in_place_is_decoded_or_refused() {
    let bus = Participant::builder().domain(testing::free_domain()).build().unwrap();
    let reader = bus.reader::<Block1K>("blocks", &Qos::reliable()).unwrap();
    let topic = RawTopic::new("blocks", Block1K::TYPE_NAME, false);
    let writer = bus.raw_writer(&topic, &Qos::reliable()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    let mut big_endian = vec![0, 0, 0, 0];
    big_endian.extend([9; 1024]);
    writer.write(&big_endian, now_ns(), None).unwrap();
    writer.write(&[0, 1, 0, 0, 1, 2, 3, 4], now_ns(), None).unwrap();
    let sample = wait_for(&bus, || reader.take_loaned().unwrap());
    assert_eq!(sample.data, [9; 1024]);
    let refused = wait_for(&bus, || match reader.take_loaned() {
        Ok(None) => None,
        Ok(Some(sample)) => panic!("{sample:?}"),
        Err(error) => Some(error),
    });
    assert!(refused.to_string().contains("blocks"), "{refused}");
}
