//! Offered and requested: what does not fit exchanges nothing.

use tidewire_bus::now_ns;
use tidewire_qos::policy::{
    AccessScope, DataRepresentation, DestinationOrder, Durability, Ownership, Reliability,
};
use tidewire_qos::{Duration, Qos};

use crate::cases::Found;
use crate::common::{everything, settle};
use crate::face::Combination;

/// The stronger side is served by the stronger, the weaker by both.
fn ordered(c: &Combination<'_>, weak: &Qos, strong: &Qos) -> Found {
    c.fits("weak/weak", weak, weak);
    c.fits("strong/strong", strong, strong);
    c.fits("strong/weak", strong, weak);
    c.fits_not("weak/strong", weak, strong);
    Found::kept()
}

pub fn reliability(c: &Combination<'_>) -> Found {
    let strong = everything();
    ordered(c, &Qos { reliability: Reliability::BestEffort, ..strong.clone() }, &strong)
}

pub fn durability(c: &Combination<'_>) -> Found {
    let weak = everything();
    ordered(c, &weak, &Qos { durability: Durability::TransientLocal, ..weak.clone() })
}

pub fn destination_order(c: &Combination<'_>) -> Found {
    if !c.typed && c.keyed {
        return Found::nothing("a reader that does not know the key cannot order by source time");
    }
    let weak = everything();
    let order = DestinationOrder::BySourceTimestamp;
    ordered(c, &weak, &Qos { destination_order: order, ..weak.clone() })
}

/// Both sides must say the same.
pub fn ownership(c: &Combination<'_>) -> Found {
    let exclusive = Qos { ownership: Ownership::Exclusive, ..everything() };
    if !c.typed && c.keyed {
        return Found::nothing("a reader that does not know the key cannot tell owners apart");
    }
    c.fits("exclusive/exclusive", &exclusive, &exclusive);
    c.fits_not("shared/exclusive", &everything(), &exclusive);
    c.fits_not("exclusive/shared", &exclusive, &everything());
    Found::kept()
}

pub fn presentation(c: &Combination<'_>) -> Found {
    let weak = everything();
    let mut strong = weak.clone();
    strong.presentation.access_scope = AccessScope::Topic;
    ordered(c, &weak, &strong)
}

pub fn deadline(c: &Combination<'_>) -> Found {
    if !c.typed && c.keyed {
        return Found::nothing("a reader that does not know the key cannot watch instances");
    }
    let within = |secs| Qos { deadline: Duration::from_secs(secs), ..everything() };
    ordered(c, &within(20), &within(10))
}

pub fn latency_budget(c: &Combination<'_>) -> Found {
    let budget = |ms| Qos { latency_budget: Duration::from_millis(ms), ..everything() };
    ordered(c, &budget(20), &budget(10));
    match c.is_cyclone() {
        true => {
            Found::hint("matched; small samples may share packets, for up to half of it or 50 ms")
        }
        false => Found::hint("matched; nothing is delayed on purpose"),
    }
}

pub fn data_representation(c: &Combination<'_>) -> Found {
    let speaks =
        |what: &[DataRepresentation]| Qos { data_representation: what.into(), ..everything() };
    let (one, two) = ([DataRepresentation::Xcdr1], [DataRepresentation::Xcdr2]);
    let both = [DataRepresentation::Xcdr1, DataRepresentation::Xcdr2];
    c.fits("1/1", &speaks(&one), &speaks(&one));
    c.fits("2/both", &speaks(&two), &speaks(&both));
    c.fits("2/unsaid", &speaks(&two), &speaks(&[]));
    c.fits_not("1/2", &speaks(&one), &speaks(&two));
    Found::kept()
}

pub fn type_name(c: &Combination<'_>) -> Found {
    let reader = c.reader("types", &everything()).unwrap();
    let witness = c.foreign_reader("types");
    let foreign = c.foreign_writer("types");
    crate::common::wait("the other type's reader", || {
        foreign.write(&[0, 1, 0, 0, 1, 0, 0, 0], now_ns(), None).unwrap();
        witness.take().unwrap().is_some()
    });
    settle();
    assert_eq!(reader.drain(), [], "a sample of another type");
    match c.is_cyclone() && c.typed {
        true => Found::mostly("against endpoints that announce a type; others by type name alone"),
        false => Found::hint("by type name alone: structures are not compared"),
    }
}
