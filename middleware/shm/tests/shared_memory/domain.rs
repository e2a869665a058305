//! Joining, leaving, and what is wrong with a place.

use std::path::PathBuf;
use std::time::Duration;

use tidewire_shm::{ShmDomain, ShmError, ShmOptions};

use crate::support::*;

#[test]
fn participants_see_each_other_come_and_go_at_once() {
    let place = Place::new();
    let here = place.join(1, "plant/pump1");
    assert!(here.is_local(&[1; 12]) && !here.is_local(&[2; 12]));
    let there = place.join(2, "plant/arm");
    assert!(here.is_local(&[2; 12]) && there.is_local(&[1; 12]));
    assert_eq!(here.name_of(&[2; 12]).as_deref(), Some("plant/arm"));
    let names: Vec<_> = here.locals().into_iter().map(|p| (p.name.to_string(), p.pid)).collect();
    let pid = std::process::id();
    assert_eq!(names, [("plant/pump1".to_owned(), pid), ("plant/arm".to_owned(), pid)]);
    drop(there);
    assert_eq!(here.locals().len(), 1);
    // Its last samples may still come over DDS and are still not to be taken twice.
    assert!(here.is_local(&[2; 12]));
}

#[test]
fn domains_and_roots_are_apart() {
    let (one, two) = (Place::new(), Place::new());
    let here = one.join(1, "p");
    let _elsewhere = two.join(2, "q");
    let _other = ShmDomain::join(one.domain + 1000, [3; 12], "r", &one.options()).unwrap();
    assert!(!here.is_local(&[2; 12]) && !here.is_local(&[3; 12]));
}

#[test]
fn a_clean_end_leaves_nothing_behind() {
    let place = Place::new();
    let (here, there) = (place.join(1, "p"), place.join(2, "q"));
    let spec = reliable("t", Duration::from_secs(1));
    let mut reader = there.reader(&spec, guid(2)).unwrap();
    let mut writer = here.writer(&spec, guid(1)).unwrap();
    send(&mut writer, 1).unwrap();
    let sample = reader.take().unwrap().unwrap();
    assert!(!place.residue().is_empty());
    drop((writer, reader, here, there));
    assert!(!place.residue().is_empty(), "a sample still needs its domain");
    drop(sample);
    assert_eq!(place.residue(), Vec::<PathBuf>::new());
    // And again, in the same place.
    drop(place.join(1, "p"));
    assert_eq!(place.residue(), Vec::<PathBuf>::new());
}

#[test]
fn joining_and_leaving_at_the_same_time_never_fails() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for id in 1..=4 {
            let place = &place;
            scope.spawn(move || {
                for _ in 0..25 {
                    let domain = place.join(id, "p");
                    assert!(domain.is_local(&[id; 12]));
                }
            });
        }
    });
    assert_eq!(place.residue(), Vec::<PathBuf>::new());
}

#[test]
fn a_prefix_belongs_to_one_participant() {
    let place = Place::new();
    let _here = place.join(1, "p");
    let error = ShmDomain::join(place.domain, [1; 12], "q", &place.options()).unwrap_err();
    assert!(matches!(error, ShmError::AlreadyJoined { .. }), "{error}");
}

#[test]
fn bad_places_and_names_say_what_to_do() {
    let place = Place::new();
    let join = |root: &str, name: &str| {
        let options = ShmOptions { root: Some(root.into()), ..ShmOptions::default() };
        ShmDomain::join(place.domain, [1; 12], name, &options).unwrap_err()
    };
    let error = join("relative/dir", "p");
    assert!(matches!(error, ShmError::Place { .. }), "{error}");
    assert!(error.to_string().contains("TIDEWIRE_SHM_DIR"), "{error}");
    let error = join(&format!("/tmp/{}", "x".repeat(300)), "p");
    assert!(matches!(error, ShmError::Place { .. }), "{error}");
    let root = place.root.to_str().unwrap();
    let error = join(root, &"n".repeat(257));
    assert!(matches!(error, ShmError::TooLong { len: 257, max: 256, .. }), "{error}");
    assert_eq!(place.residue(), Vec::<PathBuf>::new());
    std::fs::write(&place.root, b"a file").unwrap();
    let error = join(root, "p");
    assert!(matches!(error, ShmError::Place { .. }), "{error}");
    std::fs::remove_file(&place.root).unwrap();
}

#[test]
fn another_users_place_is_refused_with_the_remedy() {
    let place = Place::new();
    std::fs::create_dir(&place.root).unwrap();
    if std::os::unix::fs::chown(&place.root, Some(12_345), None).is_err() {
        println!("skipped: only root can give a directory to another user");
        return;
    }
    let error = ShmDomain::join(place.domain, [1; 12], "p", &place.options()).unwrap_err();
    assert!(matches!(error, ShmError::Permission { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("12345") && text.contains("same user"), "{text}");
}

#[test]
fn wake_self_ends_a_wait() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let seen = domain.epoch();
    assert!(!domain.wait(seen, Duration::from_millis(1)));
    std::thread::scope(|scope| {
        let waker = domain.clone();
        scope.spawn(move || waker.wake_self());
        assert!(domain.wait(seen, Duration::from_secs(20)));
    });
}
