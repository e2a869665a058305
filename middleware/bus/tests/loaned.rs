//! Plain samples on loan: the same bytes whichever way they came, in memory of the writer's where
//! they can be.

use std::time::Duration;

use tidewire_bus::{Participant, RawTopic, Transports, now_ns, testing};
use tidewire_idl::{PlainCdr, TypeSupport};
use tidewire_qos::{DataRepresentation, Qos};
use tidewire_types::bench::{Block1K, Block64K};

const PATIENCE: Duration = Duration::from_secs(30);

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

const BOTH: Transports = Transports { dds: true, shm: true };
const DDS: Transports = Transports { dds: true, shm: false };

fn join(domain: u16, name: &str, transports: Transports) -> Participant {
    Participant::builder().domain(domain).name(name).transports(transports).build().unwrap()
}

/// Samples on loan from a writer to readers with these transports, which hold all of them at once.
fn carried<T: Block>(writing: Transports, reading: &[Transports], qos: &Qos) {
    let domain = testing::free_domain();
    let a = join(domain, "a", writing);
    let hosts: Vec<_> = reading.iter().map(|of| join(domain, "b", *of)).collect();
    let readers: Vec<_> = hosts.iter().map(|b| b.reader::<T>("blocks", qos).unwrap()).collect();
    let writer = a.writer::<T>("blocks", qos).unwrap();
    writer.wait_for_readers(readers.len(), PATIENCE).unwrap();
    for fill in 1..=20 {
        let mut loan = writer.loan().unwrap();
        loan.bytes().fill(fill);
        loan.send().unwrap();
        // One that is not sent leaves nothing behind.
        writer.loan().unwrap().bytes().fill(0xee);
    }
    for (b, reader) in hosts.iter().zip(&readers) {
        let held: Vec<_> =
            (1..=20).map(|_| wait_for(b, || reader.take_loaned().unwrap())).collect();
        for (fill, sample) in (1..).zip(&held) {
            let mut data = **sample;
            assert!(data.bytes().iter().all(|&byte| byte == fill), "{writing:?} to {reading:?}");
            assert_eq!(sample.info().sequence, u64::from(fill));
            assert_eq!(sample.info().writer, writer.guid());
        }
    }
}

trait Block: PlainCdr {
    fn bytes(&mut self) -> &mut [u8];
}

impl Block for Block1K {
    fn bytes(&mut self) -> &mut [u8] {
        &mut self.data
    }
}

impl Block for Block64K {
    fn bytes(&mut self) -> &mut [u8] {
        &mut self.data
    }
}

#[test]
fn loaned_samples_are_right_over_either_transport() {
    let mut xcdr2 = Qos::reliable();
    xcdr2.data_representation = vec![DataRepresentation::Xcdr2];
    for qos in [Qos::reliable(), Qos::event(), xcdr2] {
        for (writing, reading) in
            [(BOTH, &[BOTH][..]), (DDS, &[DDS]), (BOTH, &[DDS]), (BOTH, &[BOTH, DDS])]
        {
            carried::<Block1K>(writing, reading, &qos);
            carried::<Block64K>(writing, reading, &qos);
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
