use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::port::update_connections::UpdateConnections;
use iceoryx2::prelude::*;

use crate::BenchError;
use crate::contender::{Contender, Endpoint, Role};

/// Raw iceoryx2: `[u8; N]` by publish-subscribe, blocking when the reader's queue is full.
/// The number tells runs apart.
pub struct Raw<const N: usize>(pub u32);

struct End<const N: usize> {
    publisher: Publisher<ipc::Service, [u8; N], ()>,
    subscriber: Subscriber<ipc::Service, [u8; N], ()>,
    _node: Node<ipc::Service>,
}

impl<const N: usize> Contender for Raw<N> {
    fn endpoint(&self, role: Role) -> Result<Box<dyn Endpoint + '_>, BenchError> {
        self.end(role)
    }
}

impl<const N: usize> Raw<N> {
    /// Its end, which does not refer to it.
    pub fn end(&self, role: Role) -> Result<Box<dyn Endpoint>, BenchError> {
        let fail = BenchError::of("bus");
        let node = NodeBuilder::new()
            .signal_handling_mode(SignalHandlingMode::Disabled)
            .create::<ipc::Service>()
            .map_err(|e| fail(&e))?;
        let service = |way: &str| {
            let name = format!("tidewire-bench/{}/{N}/{way}", self.0);
            node.service_builder(&name.as_str().try_into().map_err(|e| fail(&e))?)
                .publish_subscribe::<[u8; N]>()
                .enable_safe_overflow(false)
                .subscriber_max_buffer_size(256)
                .open_or_create()
                .map_err(|e| fail(&e))
        };
        let (out, back) = match role {
            Role::Ping => ("ping", "pong"),
            Role::Pong => ("pong", "ping"),
        };
        let publisher = service(out)?
            .publisher_builder()
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .create()
            .map_err(|e| fail(&e))?;
        let subscriber =
            service(back)?.subscriber_builder().buffer_size(256).create().map_err(|e| fail(&e))?;
        Ok(Box::new(End { publisher, subscriber, _node: node }))
    }
}

impl<const N: usize> Endpoint for End<N> {
    fn send(&mut self, fill: u8) -> Result<(), BenchError> {
        let fail = BenchError::of("bus");
        let mut sample = self.publisher.loan_uninit().map_err(|e| fail(&e))?;
        // SAFETY: writing bytes through the raw pointer of an uninitialised byte array initialises
        // it, and every byte of it is written before `assume_init`.
        let sample = unsafe {
            sample.payload_mut().as_mut_ptr().cast::<u8>().write_bytes(fill, N);
            sample.assume_init()
        };
        sample.send().map_err(|e| fail(&e))?;
        Ok(())
    }

    fn poll(&mut self) -> Result<Option<u64>, BenchError> {
        let sample = self.subscriber.receive().map_err(|e| BenchError::of("bus")(&e))?;
        Ok(sample.map(|sample| super::sum(sample.payload())))
    }

    fn connected(&mut self) -> bool {
        // A publisher learns of new subscribers when it is asked to.
        self.publisher.update_connections().is_ok()
    }
}
