//! Every policy on every transport, typed and raw, with and without a key: kept as DDS 1.4 says, or
//! refused with a reason when the endpoint is made.
//!
//! The DDS transport is the backend that `TIDEWIRE_DDS` names, RustDDS unless set. The table that `tidewire qos support` prints is what this suite finds. When the two differ, run it
//! with `TIDEWIRE_BLESS=1` and commit `qos/support.json`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/writing.rs"]
mod writing;

mod announced;
mod cached;
mod cases;
mod delivery;
mod durable;
mod face;
mod lifecycle;
mod liveliness;
mod matching;
mod ownership;
mod partition;
mod refusals;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tidewire_qos::support::{Entry, Support};

use cases::{CASES, Found};
use face::{Combination, Hosts};

#[test]
fn the_support_table_is_what_the_suite_finds() {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    let transports = ["shm", tidewire_bus::Backend::chosen().unwrap().name()];
    for transport in transports {
        let hosts = Hosts::new(transport);
        for case in CASES {
            // The four combinations of a case share participants and run side by side.
            let results: Vec<_> = std::thread::scope(|scope| {
                let hosts = &hosts;
                let runs: Vec<_> = Combination::all(hosts)
                    .map(|combination| {
                        scope.spawn(move || {
                            let run = || (case.run)(&combination.about(case));
                            (combination, catch_unwind(AssertUnwindSafe(run)))
                        })
                    })
                    .collect();
                runs.into_iter().map(|run| run.join().unwrap()).collect()
            });
            for (combination, result) in results {
                match result {
                    Ok(Found { support, note }) => {
                        found.push(combination.entry(case, support, note));
                    }
                    Err(_) => failures.push(format!("{} {combination}", case.title())),
                }
            }
        }
    }
    assert!(failures.is_empty(), "neither kept nor refused:\n{}", failures.join("\n"));
    let here = |entry: &&Entry| transports.contains(&entry.transport.as_str());
    let stated = tidewire_qos::support::table();
    if std::env::var_os("TIDEWIRE_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../qos/support.json");
        let others = stated.iter().filter(|entry| !here(entry)).cloned();
        let all: Vec<Entry> = found.iter().cloned().chain(others).collect();
        std::fs::write(path, tidewire_qos::support::to_json(&all)).unwrap();
    }
    compare(&found, &stated.iter().filter(here).cloned().collect::<Vec<_>>());
}

/// Names what differs, not two long lists.
fn compare(found: &[Entry], stated: &[Entry]) {
    let by_key = |entries: &[Entry]| -> BTreeMap<_, _> {
        let key = |e: &Entry| (e.policy, e.value.clone(), e.transport.clone(), e.typed, e.keyed);
        entries.iter().map(|e| (key(e), (e.support, e.note.clone()))).collect()
    };
    let (found, stated) = (by_key(found), by_key(stated));
    let keys: std::collections::BTreeSet<_> = found.keys().chain(stated.keys()).collect();
    let differing: Vec<String> = keys
        .into_iter()
        .filter(|key| found.get(key) != stated.get(key))
        .map(|key| format!("{key:?}: found {:?}, stated {:?}", found.get(key), stated.get(key)))
        .collect();
    assert!(differing.is_empty(), "qos/support.json is out of date:\n{}", differing.join("\n"));
}

#[test]
fn every_policy_has_a_case() {
    for policy in tidewire_qos::policy::Policy::ALL {
        assert!(CASES.iter().any(|case| case.policy == *policy), "{policy} is not in the suite");
    }
    assert!(tidewire_qos::support::table().iter().any(|e| e.support == Support::Kept));
}
