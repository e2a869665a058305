//! What is written and read: small and large, plain and serialised, with and without history.

use std::time::Duration;

use tidewire_qos::{Durability, History, Qos, Reliability};

/// `max_blocking_time` of every RELIABLE writer.
pub const MAX_BLOCKING: Duration = Duration::from_secs(1);

/// Samples of each writer that late joiners of `event` get.
pub const DEPTH: u32 = 64;

/// Instances each writer of `state` has.
pub const KEYS: u64 = 4;

/// How samples are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 64 bytes, filled on loan; the loan is held for a while.
    Plain,
    /// 1 MiB, filled on loan; readers keep the last few on loan.
    Large,
    /// Payloads of so many bytes at least and at most, copied.
    Bytes(usize, usize),
    /// Instances of a keyed type, of which the last value counts.
    State,
}

/// One topic.
#[derive(Clone, Debug)]
pub struct Topic {
    pub name: &'static str,
    pub form: Form,
    pub qos: Qos,
    /// Between two samples of one writer.
    pub period: Duration,
}

impl Topic {
    pub fn is_reliable(&self) -> bool {
        self.qos.reliability.is_reliable()
    }

    pub fn is_durable(&self) -> bool {
        self.qos.durability > Durability::Volatile
    }

    /// Whether every sample counts, rather than the last of each instance.
    pub fn is_stream(&self) -> bool {
        self.form != Form::State
    }

    /// What readers ask for: they keep all samples of a stream, which history depth would thin out.
    pub fn reader_qos(&self, queue: Option<u32>) -> Qos {
        let mut qos = self.qos.clone();
        if self.is_stream() {
            qos.history = History::KeepAll;
            qos.resource_limits.max_samples = queue.or(Some(4096));
        }
        qos
    }
}

/// All of them; books name them by their place here.
pub fn topics() -> Vec<Topic> {
    let topic = |name, form, qos: Qos, millis| {
        let mut qos = qos;
        if qos.reliability.is_reliable() {
            qos.reliability = Reliability::Reliable { max_blocking_time: MAX_BLOCKING.into() };
        }
        Topic { name, form, qos, period: Duration::from_millis(millis) }
    };
    let best_effort = Qos { reliability: Reliability::BestEffort, ..Qos::reliable() };
    let event = Qos { history: History::KeepLast(DEPTH), ..Qos::event() };
    let state = Qos { history: History::KeepLast(1), ..Qos::event() };
    vec![
        topic("soak/plain", Form::Plain, Qos::reliable(), 25),
        topic("soak/fast", Form::Bytes(64, 64), best_effort, 20),
        topic("soak/page", Form::Bytes(4096, 4096), Qos::reliable(), 50),
        topic("soak/text", Form::Bytes(4000, 12_000), Qos::reliable(), 100),
        topic("soak/large", Form::Large, Qos::reliable(), 2000),
        topic("soak/event", Form::Bytes(200, 200), event, 200),
        topic("soak/state", Form::State, state, 100),
    ]
}
