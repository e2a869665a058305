//! RTPS datagrams thrown at a real participant.

mod known;
mod message;
mod victim;

use std::sync::OnceLock;

use crate::input::Input;
use crate::random::Dice;
use victim::Victim;

/// Right, wrong and half-right messages of participants that do not exist: the participant lives,
/// and goes on receiving from those that do.
pub fn run(data: &[u8]) {
    static VICTIM: OnceLock<Victim> = OnceLock::new();
    let victim = VICTIM.get_or_init(Victim::new);
    let mut input = Input::new(data);
    for _ in 0..1 + input.below(4) {
        let datagram = message::datagram(&mut input, &victim.target());
        if !known::known(&datagram) {
            victim.hit(&datagram);
        }
        if !input.more() {
            break;
        }
    }
    victim.still_receives();
}

pub fn seeds() -> Vec<Vec<u8>> {
    crate::cdr::seeds()
}
