//! Which QoS a recorder asks for.
//!
//! A reader is served only by writers that offer at least what it requests (DDS 1.4, 2.2.3), and it
//! gets no more than it requests. So the writers of a topic are put into classes of equal offers,
//! and each class gets a reader that asks for exactly that.

use tidewire_qos::Qos;
use tidewire_qos::policy::{DataRepresentation, Durability, History, Ownership, Reliability};

/// What decides whether and how a writer serves a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    reliable: bool,
    /// The writer keeps history for late joiners.
    history: bool,
    exclusive: bool,
    partition: Vec<String>,
}

impl Class {
    /// The class of a writer by what it offers.
    pub(crate) fn of(offered: &Qos) -> Self {
        let mut partition = offered.partition.clone();
        partition.sort();
        partition.dedup();
        Self {
            reliable: matches!(offered.reliability, Reliability::Reliable { .. }),
            history: !matches!(offered.durability, Durability::Volatile),
            exclusive: offered.ownership == Ownership::Exclusive,
            partition,
        }
    }

    /// The reader that gets all this class offers. It keeps everything: a recorder drops nothing,
    /// and when it cannot keep up, a RELIABLE writer is to wait.
    pub(crate) fn request(&self) -> Qos {
        let mut qos = Qos::default_reader();
        if self.reliable {
            qos.reliability = Reliability::reliable();
        }
        if self.history {
            qos.durability = Durability::TransientLocal;
        }
        if self.exclusive {
            qos.ownership = Ownership::Exclusive;
        }
        qos.history = History::KeepAll;
        qos.partition = self.partition.clone();
        qos.data_representation = vec![DataRepresentation::Xcdr1, DataRepresentation::Xcdr2];
        qos
    }

    /// Whether the other class's reader is also served by writers of this one.
    pub(crate) fn serves(&self, reader: &Self) -> bool {
        self.reliable >= reader.reliable
            && self.history >= reader.history
            && self.exclusive == reader.exclusive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_matched_by_the_writers_of_its_class() {
        for offered in [Qos::sensor_data(), Qos::reliable(), Qos::event(), Qos::default_writer()] {
            let request = Class::of(&offered).request();
            assert!(tidewire_qos::check(&offered, &request).is_empty(), "{offered} for {request}");
        }
        let volatile = Class::of(&Qos::reliable());
        let durable = Class::of(&Qos::event());
        assert!(durable.serves(&volatile) && !volatile.serves(&durable));
        assert!(!tidewire_qos::check(&Qos::reliable(), &durable.request()).is_empty());
    }
}
