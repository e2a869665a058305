//! Who is in one partition (DDS 1.4, 2.2.3.13).

use tidewire_qos::Qos;
use tidewire_qos::policy::Policy;

use crate::cases::Found;
use crate::common::{everything, settle};
use crate::face::Combination;
use crate::refusals::refused;

fn within(names: &[&str]) -> Qos {
    let partition = names.iter().map(|name| (*name).to_owned()).collect();
    Qos { partition, ..everything() }
}

/// One name in common is enough; none at all is the name "".
pub fn names(c: &Combination<'_>) -> Found {
    if c.is_rustdds() {
        return refused(c, Policy::Partition, &within(&["east"]), "writer reader");
    }
    c.fits("one", &within(&["east"]), &within(&["east"]));
    c.fits("common", &within(&["north", "east"]), &within(&["east", "south"]));
    c.fits("default", &within(&[]), &within(&[""]));
    c.fits_not("other", &within(&["east"]), &within(&["west"]));
    c.fits_not("named/default", &within(&["east"]), &within(&[]));
    c.fits_not("default/named", &within(&[]), &within(&["east"]));
    Found::kept()
}

/// Patterns match names, but not each other.
pub fn patterns(c: &Combination<'_>) -> Found {
    if c.is_rustdds() {
        return refused(c, Policy::Partition, &within(&["ea*"]), "writer reader");
    }
    c.fits("reads", &within(&["plant/east"]), &within(&["plant/*"]));
    c.fits("writes", &within(&["plant/eas?"]), &within(&["plant/east"]));
    c.fits("default", &within(&[]), &within(&["*"]));
    c.fits_not("other", &within(&["east"]), &within(&["w*"]));
    let reader = c.reader("each other", &within(&["e*"])).unwrap();
    let witness = c.reader("each other", &within(&["east"])).unwrap();
    let writer = c.writer("each other", &within(&["e*"])).unwrap();
    writer.meets(1);
    witness.meets(1);
    settle();
    writer.put(0, 7);
    assert_eq!(witness.up_to(7), [7]);
    settle();
    assert_eq!((reader.drain(), reader.writers()), (vec![], 0));
    if c.is_shm() {
        c.fits("set", &within(&["east1"]), &within(&["east[12]"]));
        Found::kept()
    } else {
        refused(c, Policy::Partition, &within(&["east[12]"]), "writer reader");
        Found::mostly("`*` and `?`; patterns with `[` are refused")
    }
}
