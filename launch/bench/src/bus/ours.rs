use std::marker::PhantomData;

use tidewire_bus::{Backend, Participant, Reader, Transports, Writer};
use tidewire_idl::{PlainCdr, TypeSupport};
use tidewire_qos::{Duration, History, Qos};

use crate::BenchError;
use crate::contender::{Contender, Endpoint, Role};

/// Our typed path: loan, fill in place, send; take on loan, read in place.
pub struct Typed<T> {
    transports: Transports,
    domain: u16,
    backend: Backend,
    /// LATENCY_BUDGET, within which samples may wait for each other.
    budget: Duration,
    /// Whether it waits for samples instead of polling.
    waits: bool,
    /// Whether every sample counts: KEEP_ALL.
    all: bool,
    _type: PhantomData<fn() -> T>,
}

impl<T> Typed<T> {
    /// DDS only, or shared memory with DDS discovery beside it as in real use.
    pub fn new(domain: u16, dds: bool) -> Self {
        Self {
            transports: Transports { dds: true, shm: !dds },
            domain,
            backend: Backend::RustDds,
            budget: Duration::ZERO,
            waits: false,
            // On shared memory every sample is counted; RustDDS keeps as many as its peer does.
            all: !dds,
            _type: PhantomData,
        }
    }

    /// Shared memory, waiting instead of polling.
    pub fn woken(domain: u16) -> Self {
        Self { waits: true, ..Self::new(domain, false) }
    }

    /// DDS only, waiting.
    pub fn waiting(domain: u16) -> Self {
        Self { waits: true, ..Self::new(domain, true) }
    }

    /// The same where every sample counts.
    pub fn all(domain: u16) -> Self {
        Self { all: true, ..Self::waiting(domain) }
    }

    /// DDS only, on Cyclone.
    #[cfg(feature = "cyclone")]
    pub fn cyclone(domain: u16) -> Self {
        Self { backend: Backend::Cyclone, ..Self::all(domain) }
    }

    /// The same with several samples in a packet.
    #[cfg(feature = "cyclone")]
    pub fn packed(domain: u16) -> Self {
        Self { budget: Duration::from_millis(2), ..Self::cyclone(domain) }
    }
}

struct End<T: TypeSupport> {
    writer: Writer<T>,
    reader: Reader<T>,
    /// To wait on, if the contender does not poll.
    waits: Option<Participant>,
}

/// A sample whose bytes can all be set and read: what both sides of the benchmark do.
pub trait Bytes: PlainCdr + Default {
    fn bytes(&self) -> &[u8];
    fn bytes_mut(&mut self) -> &mut [u8];
}

impl Bytes for tidewire_types::bench::Block64 {
    fn bytes(&self) -> &[u8] {
        &self.data
    }
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }
}

impl Bytes for tidewire_types::bench::KeyedBlock64 {
    fn bytes(&self) -> &[u8] {
        &self.data
    }
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }
}

impl Bytes for tidewire_types::bench::Block1K {
    fn bytes(&self) -> &[u8] {
        &self.data
    }
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }
}

impl Bytes for tidewire_types::bench::Block64K {
    fn bytes(&self) -> &[u8] {
        &self.data
    }
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }
}

impl Bytes for tidewire_types::bench::Block1M {
    fn bytes(&self) -> &[u8] {
        &self.data
    }
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }
}

impl<T: Bytes> Contender for Typed<T> {
    fn endpoint(&self, role: Role) -> Result<Box<dyn Endpoint + '_>, BenchError> {
        let fail = BenchError::of("bus");
        let participant = Participant::builder()
            .domain(self.domain)
            .name(if role == Role::Ping { "bench/ping" } else { "bench/pong" })
            .transports(self.transports)
            .dds(self.backend)
            .build()
            .map_err(|e| fail(&e))?;
        let (out, back) = match role {
            Role::Ping => ("ping", "pong"),
            Role::Pong => ("pong", "ping"),
        };
        let history = if self.all { History::KeepAll } else { History::KeepLast(256) };
        let qos = Qos { history, latency_budget: self.budget, ..Qos::reliable() };
        let reader = participant.reader(back, &qos).map_err(|e| fail(&e))?;
        let writer = participant.writer(out, &qos).map_err(|e| fail(&e))?;
        let waits = self.waits.then_some(participant);
        Ok(Box::new(End::<T> { writer, reader, waits }))
    }
}

impl<T: Bytes> Endpoint for End<T> {
    fn send(&mut self, fill: u8) -> Result<(), BenchError> {
        let fail = BenchError::of("bus");
        let mut loan = self.writer.loan().map_err(|e| fail(&e))?;
        loan.bytes_mut().fill(fill);
        loan.send().map_err(|e| fail(&e))
    }

    fn poll(&mut self) -> Result<Option<u64>, BenchError> {
        let take = || {
            let sample = self.reader.take_loaned().map_err(|e| BenchError::of("bus")(&e))?;
            Ok(sample.map(|sample| super::sum(sample.bytes())))
        };
        let Some(bus) = &self.waits else { return take() };
        // Read before looking: what comes in between ends the wait.
        let epoch = bus.epoch();
        match take()? {
            None if bus.wait_since(epoch, super::WAIT) => take(),
            taken => Ok(taken),
        }
    }

    fn connected(&mut self) -> bool {
        self.writer.matched_readers() > 0 && self.reader.matched_writers() > 0
    }
}
