//! Readers that do not keep up.

use std::time::Duration;

use tidewire_shm::ShmError;

use crate::support::*;

#[test]
fn a_full_best_effort_reader_loses_its_oldest_samples() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let spec = best_effort("t");
    let mut reader = domain.reader(&spec, guid(2)).unwrap();
    let mut writer = domain.writer(&spec, guid(1)).unwrap();
    send(&mut writer, 1).unwrap();
    assert_eq!(drain(&mut reader), [1]);
    for sequence in 2..=1_000 {
        assert_eq!(send(&mut writer, sequence).unwrap(), 1);
    }
    let kept = drain(&mut reader);
    assert_eq!(kept, (937..=1_000).collect::<Vec<_>>());
    assert_eq!(reader.lost(), 935);
}

#[test]
fn a_full_reliable_reader_makes_the_write_time_out_and_others_get_the_sample() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let mut spec = reliable("t", Duration::from_millis(30));
    let mut quick = domain.reader(&spec, guid(3)).unwrap();
    spec.qos.resource_limits.max_samples = Some(16);
    let mut slow = domain.reader(&spec, guid(2)).unwrap();
    let mut writer = domain.writer(&spec, guid(1)).unwrap();
    // Attached, so that it counts as a reader that is there.
    assert!(slow.take().unwrap().is_none());
    for sequence in 1..=16 {
        assert_eq!(send(&mut writer, sequence).unwrap(), 2);
    }
    assert!(slow.take().unwrap().is_some(), "one taken");
    assert_eq!(send(&mut writer, 17).unwrap(), 2);
    for sequence in 18..=30 {
        let error = send(&mut writer, sequence).unwrap_err();
        assert!(matches!(error, ShmError::WriteTimeout { readers: 1, .. }), "{error}");
    }
    assert_eq!(drain(&mut slow), (2..=17).collect::<Vec<_>>());
    assert_eq!(send(&mut writer, 31).unwrap(), 2);
    assert_eq!(drain(&mut slow), [31]);
    assert_eq!(slow.lost(), 13);
    assert_eq!(drain(&mut quick), (1..=31).collect::<Vec<_>>());
    assert_eq!(quick.lost(), 0);
}

#[test]
fn a_reliable_stream_faster_than_its_reader_loses_nothing() {
    let place = Place::new();
    let (here, there) = (place.join(1, "p"), place.join(2, "q"));
    let mut spec = reliable("t", Duration::from_secs(20));
    spec.qos.resource_limits.max_samples = Some(16);
    let mut reader = there.reader(&spec, guid(2)).unwrap();
    let mut writer = here.writer(&spec, guid(1)).unwrap();
    const COUNT: u64 = 20_000;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for sequence in 1..=COUNT {
                assert_eq!(send(&mut writer, sequence).unwrap(), 1);
            }
        });
        let mut next = 1;
        while next <= COUNT {
            let seen = there.epoch();
            for sequence in drain(&mut reader) {
                assert_eq!(sequence, next);
                next += 1;
            }
            if next <= COUNT {
                assert!(there.wait(seen, Duration::from_secs(20)));
            }
        }
    });
}

#[test]
fn large_samples_are_bounded_in_memory_and_still_reliable() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let mut spec = reliable("t", Duration::from_millis(20));
    spec.max_payload = Some(4 << 20);
    let mut reader = domain.reader(&spec, guid(2)).unwrap();
    let mut writer = domain.writer(&spec, guid(1)).unwrap();
    assert!(reader.take().unwrap().is_none());
    let mut sent = 0;
    let error = loop {
        match writer.send(&meta(1, sent + 1), &payload(sent + 1, 4 << 20)) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 100, "4 MB samples without end");
    };
    assert!(matches!(error, ShmError::WriteTimeout { .. }), "{error}");
    assert!(sent >= 16);
    assert_eq!(drain(&mut reader), (1..=sent).collect::<Vec<_>>());
    let next = sent + 1;
    writer.send(&meta(1, next), &payload(next, 4 << 20)).unwrap();
    assert_eq!(drain(&mut reader), [next]);
}

#[test]
fn holding_too_many_samples_is_a_clear_error_and_heals() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let spec = reliable("t", Duration::from_secs(5));
    let mut reader = domain.reader(&spec, guid(2)).unwrap();
    let mut writer = domain.writer(&spec, guid(1)).unwrap();
    for sequence in 1..=65 {
        send(&mut writer, sequence).unwrap();
    }
    let mut held: Vec<_> = (0..64).map(|_| reader.take().unwrap().unwrap()).collect();
    let error = reader.take().unwrap_err();
    assert!(matches!(error, ShmError::TooManyBorrowed { limit: 64, .. }), "{error}");
    held.pop();
    assert_eq!(drain(&mut reader), [65]);
}
