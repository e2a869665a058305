//! The publishers of a writer, one per lane that has readers: filling them, sending, waiting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidewire_transport::SampleMeta;

use super::{Delivered, Place, ShmWriter};
use crate::error::ShmError;
use crate::outlet::{Loaned, Outlet, first_len};
use crate::presence::Lane;
use crate::pressure::Pressure;
use crate::routes::Routes;
use crate::service;
use crate::wire::PAD;

/// How long samples of a smaller chunk size may take to be read before larger ones follow, on
/// writers that must not block. Keeps the order where it can be kept.
const GROW_PATIENCE: Duration = Duration::from_millis(20);

impl ShmWriter {
    pub(super) fn commit_all(
        &mut self,
        from: Place,
        meta: &SampleMeta,
    ) -> Result<Delivered, ShmError> {
        let mut delivered = Delivered::default();
        if from == Place::Nowhere {
            return Ok(delivered);
        }
        let mut timed_out = 0;
        let mut failure = None;
        // Filled first and sent then: waiting for a reader may change the routes.
        let mut filled = [false; Lane::COUNT];
        for index in 0..self.routes.lanes.len() {
            let (lane, expected) = self.routes.lanes[index];
            match self.copy(from, lane) {
                Ok(true) => filled[lane.index()] = true,
                Ok(false) => delivered.missed += expected,
                Err(error) => failure = Some(error),
            }
        }
        for lane in Lane::all().filter(|lane| filled[lane.index()]) {
            let posted = self.post(lane, meta, &mut delivered, &mut timed_out);
            failure = posted.err().or(failure);
        }
        self.pressure.reset();
        self.routes.wake();
        for outlet in self.outlets.iter_mut().flatten() {
            outlet.prepare(self.len + PAD);
        }
        match failure {
            _ if timed_out > 0 => Err(self.timeout(timed_out)),
            Some(error) => Err(error),
            None => Ok(delivered),
        }
    }

    pub(super) fn timeout(&self, readers: usize) -> ShmError {
        let (topic, waited) = (self.spec.topic.clone(), self.pressure.limit());
        ShmError::WriteTimeout { topic, waited, readers }
    }

    /// Follows readers that came or went; one load if none did.
    pub(super) fn refresh(&mut self) {
        let now = self.shared.control.generation();
        if self.generation == now {
            return;
        }
        self.generation = now;
        let mut routes = Routes::find(&self.shared.peers, self.topic, &self.spec.qos);
        routes.inherit(&self.routes);
        self.routes = routes;
        for place in &mut self.outlets {
            let Some(outlet) = place else { continue };
            outlet.mapped = false;
            if self.routes.on(outlet.lane) == 0 {
                // Nobody is left who could want what it sent.
                *place = None;
            }
        }
    }

    pub(super) fn open_outlets(&mut self) -> Result<(), ShmError> {
        for index in 0..self.routes.lanes.len() {
            self.outlet(self.routes.lanes[index].0)?;
        }
        Ok(())
    }

    fn outlet(&mut self, lane: Lane) -> Result<&mut Outlet, ShmError> {
        let place = &mut self.outlets[lane.index()];
        if place.is_none() {
            let factory = Arc::new(service::open(&self.shared.node, &self.spec, lane)?);
            let (len, budget) = (first_len(&self.spec), self.shared.options.segment_budget);
            let pressure = self.pressure.apart();
            let mut outlet = Outlet::open(factory, &self.spec, lane, len, budget, pressure)?;
            outlet.generation = self.shared.control.bump();
            *place = Some(outlet);
        }
        Ok(place.as_mut().expect("filled just above"))
    }

    /// Has a chunk for `self.len` bytes ready on a lane; false if all memory is held and the lane
    /// does not wait.
    pub(super) fn draft(&mut self, lane: Lane) -> Result<bool, ShmError> {
        let len = self.len + PAD;
        let budget = self.shared.options.segment_budget;
        if !self.outlet(lane)?.fits(len) {
            // Readers take from publishers in no particular order: let them finish with the old.
            self.wait_drained();
            #[expect(clippy::result_large_err, reason = "a failure hands the outlet back")]
            self.replace(lane, |outlet| outlet.larger(len, budget))?;
        }
        while self.outlet(lane)?.loan(len)? == Loaned::Full {
            match self.replace(lane, Outlet::deeper) {
                Ok(()) => (),
                Err(ShmError::NoMemory { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn replace(
        &mut self,
        lane: Lane,
        make: impl FnOnce(Outlet) -> Result<(Outlet, Outlet), (Outlet, ShmError)>,
    ) -> Result<(), ShmError> {
        let Some(outlet) = self.outlets[lane.index()].take() else { return Ok(()) };
        let (next, result) = match make(outlet) {
            Ok((mut next, old)) => {
                next.generation = self.shared.control.bump();
                self.routes.wake();
                self.shared.lingering.keep(old, self.routes.watch());
                (next, Ok(()))
            }
            Err((old, error)) => (old, Err(error)),
        };
        self.outlets[lane.index()] = Some(next);
        result
    }

    /// Makes readers say whether they have taken all there was. They do so by themselves when they
    /// find nothing more, but may have looked between our last sample and its wake-up.
    pub(super) fn ask(&mut self) {
        self.shared.control.bump();
        self.routes.wake();
    }

    fn wait_drained(&mut self) {
        if self.routes.is_drained() {
            return;
        }
        self.ask();
        let start = Instant::now();
        let over = |pressure: &Pressure| match self.reliable {
            true => pressure.is_over(),
            false => start.elapsed() >= GROW_PATIENCE,
        };
        while !self.routes.is_drained() && !over(&self.pressure) {
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// A reader maps a new publisher when it next looks. Until then its queue fills without
    /// back-pressure, so a full one is waited for here; returns how many stay full.
    fn wait_attached(&mut self, lane: Lane) -> usize {
        if self.outlets[lane.index()].as_ref().is_none_or(|outlet| outlet.mapped) {
            return 0;
        }
        loop {
            let Some(outlet) = &mut self.outlets[lane.index()] else { return 0 };
            if outlet.mapped || self.routes.all_attached(lane, outlet.generation) {
                outlet.mapped = true;
                return 0;
            }
            let full = self.routes.unattached(lane, outlet.generation, outlet.sent);
            if full == 0 || outlet.waited || self.pressure.is_over() {
                outlet.waited |= full > 0;
                return full;
            }
            self.routes.wake();
            self.pressure.ring();
            std::thread::sleep(Duration::from_micros(200));
            self.refresh();
        }
    }

    /// Has the reserved bytes in a chunk of `lane`; false as for [`draft`](Self::draft).
    fn copy(&mut self, from: Place, lane: Lane) -> Result<bool, ShmError> {
        if from == Place::Outlet(lane) {
            return Ok(true);
        }
        if !self.draft(lane)? {
            return Ok(false);
        }
        let Some(mut into) = self.outlets[lane.index()].take() else { return Ok(false) };
        let from = match from {
            Place::Outlet(lane) => self.outlets[lane.index()].as_ref().map(Outlet::bytes),
            Place::Heap => Some(self.heap.bytes()),
            Place::Nowhere => None,
        };
        let all = PAD..PAD + self.len;
        let from = from.and_then(|from| from.get(all.clone()));
        let copied = match (from, into.bytes_mut().get_mut(all)) {
            (Some(from), Some(to)) => {
                to.copy_from_slice(from);
                true
            }
            _ => false,
        };
        self.outlets[lane.index()] = Some(into);
        Ok(copied)
    }

    fn post(
        &mut self,
        lane: Lane,
        meta: &SampleMeta,
        delivered: &mut Delivered,
        timed_out: &mut usize,
    ) -> Result<(), ShmError> {
        if lane.is_reliable() {
            *timed_out += self.wait_attached(lane);
        }
        let expected = self.routes.on(lane);
        let Some(outlet) = &mut self.outlets[lane.index()] else { return Ok(()) };
        let sent = outlet.send(meta)?;
        *timed_out += sent.timed_out;
        // iceoryx2 does not count receivers when one of them failed.
        let readers =
            if sent.timed_out > 0 { expected.saturating_sub(sent.timed_out) } else { sent.readers };
        delivered.readers += readers;
        delivered.missed += expected.saturating_sub(readers);
        Ok(())
    }
}
