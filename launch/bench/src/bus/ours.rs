use std::marker::PhantomData;
use std::sync::Mutex;

use tidewire_bus::{Participant, Reader, Transports, Writer, testing};
use tidewire_idl::PlainCdr;
use tidewire_qos::{History, Qos};

use crate::BenchError;
use crate::contender::{Contender, Endpoint, Role};

/// Our typed path: loan, fill in place, send; take, read in place.
pub struct Typed<T> {
    transports: Transports,
    domain: Mutex<Option<testing::FreeDomain>>,
    _type: PhantomData<fn() -> T>,
}

impl<T> Typed<T> {
    pub fn shm() -> Self {
        Self::over(Transports { dds: true, shm: true })
    }

    pub fn dds() -> Self {
        Self::over(Transports { dds: true, shm: false })
    }

    fn over(transports: Transports) -> Self {
        Self { transports, domain: Mutex::new(None), _type: PhantomData }
    }
}
