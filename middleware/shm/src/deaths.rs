//! Whom the janitor found dead, for whoever tells the rest of the network.

use std::sync::Arc;

use parking_lot::Mutex;
use tidewire_transport::Prefix;

type Observer = Box<dyn Fn(&Prefix) + Send>;

/// Told of each killed participant by the process that removed its file, and by no other.
#[derive(Clone, Default)]
pub(crate) struct Deaths(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Found before anybody asked.
    early: Vec<Prefix>,
    observer: Option<Observer>,
}

impl Deaths {
    pub(crate) fn tell(&self, dead: Vec<Prefix>) {
        let mut state = self.0.lock();
        match &state.observer {
            Some(observer) => dead.iter().for_each(observer),
            None => state.early.extend(dead),
        }
    }

    pub(crate) fn observe(&self, observer: Observer) {
        let mut state = self.0.lock();
        state.early.drain(..).for_each(|dead| observer(&dead));
        state.observer = Some(observer);
    }
}
