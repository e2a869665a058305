//! Several writers of one instance, of which one is heard.

use tidewire_qos::Qos;
use tidewire_qos::policy::{History, Ownership};
use tidewire_qos::support::Support;

use crate::cases::Found;
use crate::common::{everything, settle, wait};
use crate::face::{Combination, R};

fn exclusively(strength: i32) -> Qos {
    Qos { ownership: Ownership::Exclusive, ownership_strength: strength, ..everything() }
}

fn values(reader: &R) -> Vec<u32> {
    settle();
    reader.drain().iter().map(|told| told.value).collect()
}

/// Readers that cannot tell instances apart are refused.
fn refused(c: &Combination<'_>) -> Option<Found> {
    (!c.typed && c.keyed).then(|| {
        let error = c.reader("refused", &exclusively(0)).err().unwrap().to_string();
        assert!(error.contains("OWNERSHIP"), "{error}");
        let note = "a reader that does not know the key cannot tell owners apart".into();
        Found { support: Support::Refused, note }
    })
}

/// While a stronger writer lives, a weaker one is not heard; on instances of its own it is.
pub fn exclusive(c: &Combination<'_>) -> Found {
    if let Some(refused) = refused(c) {
        return refused;
    }
    let (weak, reader) = c.matched("owned", &exclusively(1), &exclusively(0)).unwrap();
    let strong = c.writer("owned", &exclusively(2)).unwrap();
    strong.meets(1);
    reader.meets(2);
    weak.put(1, 1);
    assert_eq!(reader.up_to(1), [1], "nobody stronger has written");
    strong.put(1, 2);
    assert_eq!(reader.up_to(2), [2], "the stronger takes over");
    weak.put(1, 3);
    assert_eq!(values(&reader), [0; 0], "the weaker is not heard");
    if c.keyed {
        weak.put(2, 4);
        assert_eq!(reader.up_to(4), [4], "another instance has another owner");
    }
    assert_eq!(reader.lost(), 0);
    of_the_last(c);
    Found::kept()
}

/// What is not heard displaces nothing, where the last sample of an instance is kept and nobody takes.
fn of_the_last(c: &Combination<'_>) {
    let last = Qos { history: History::KeepLast(1), ..exclusively(0) };
    let (strong, reader) = c.matched("owned/last", &exclusively(2), &last).unwrap();
    let weak = c.writer("owned/last", &exclusively(1)).unwrap();
    weak.meets(1);
    reader.meets(2);
    strong.put(1, 1);
    strong.is_acknowledged();
    settle();
    weak.put(1, 2);
    weak.is_acknowledged();
    assert_eq!(values(&reader), [1]);
    strong.put(1, 3);
    strong.put(1, 4);
    strong.is_acknowledged();
    assert_eq!(values(&reader), [4], "the owner's own do");
}

/// When the strongest goes, the next takes over.
pub fn hand_over(c: &Combination<'_>) -> Found {
    if let Some(refused) = refused(c) {
        return refused;
    }
    let (weak, reader) = c.matched("inherited", &exclusively(-5), &exclusively(0)).unwrap();
    let strong = c.writer("inherited", &exclusively(7)).unwrap();
    strong.meets(1);
    reader.meets(2);
    strong.put(1, 1);
    assert_eq!(reader.up_to(1), [1]);
    weak.put(1, 2);
    assert_eq!(values(&reader), [0; 0]);
    if c.keyed && c.is_shm() {
        strong.end(1, false).unwrap();
        assert_eq!(values(&reader).len(), 1, "the end");
        weak.put(1, 3);
        assert_eq!(reader.up_to(3), [3], "the owner has left the instance");
        strong.put(1, 4);
        assert_eq!(reader.up_to(4), [4]);
    }
    drop(strong);
    wait("the end of the strong writer", || reader.writers() == 1);
    weak.put(1, 5);
    assert_eq!(reader.up_to(5), [5]);
    Found::kept()
}
