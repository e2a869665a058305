//! The receive thread of a participant: waits for its discovery, for commands, and for the watch over its readers.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use mio::{Events, Interest, Poll, Token};
use rustdds::{DomainParticipantStatusListener, StatusEvented};
use tidewire_idl::Guid;
use tidewire_transport::dds::{DdsError, DdsEvent};

use crate::discovery::translate;
use crate::guard::Guard;
use crate::health::Threads;
use crate::inbox::Inbox;
use crate::inner::Inner;

use crate::writer::Port;

pub(crate) const WAKE: Token = Token(0);
const STATUS: Token = Token(1);
pub(crate) const WATCH: Token = Token(2);

/// How often the backend's threads are counted.
const HEALTH_PERIOD: Duration = Duration::from_secs(1);

pub(crate) enum Command {
    Add(usize, Arc<Inbox>),
    Remove(usize),
    /// A bell has rung.
    Arrived(usize),
    /// A poller has left samples for us.
    Drain(usize),
    /// Drops a writer, not before then.
    Retire(Instant, Arc<Port>),
    Stop,
}

/// Joined when the last participant handle goes.
pub(crate) struct ReceiveThread {
    inner: Arc<Inner>,
    handle: Option<JoinHandle<()>>,
}

impl ReceiveThread {
    pub fn spawn(
        mut poll: Poll,
        commands: Receiver<Command>,
        mut status: DomainParticipantStatusListener,
        inner: Arc<Inner>,
        threads: Threads,
        guard: Guard,
        name: &str,
    ) -> Result<Self, DdsError> {
        poll.registry().register(status.as_status_source_mio1(), STATUS, Interest::READABLE)?;
        let shared = inner.clone();
        let name = name.to_owned();
        let handle = std::thread::Builder::new().name("tidewire-dds".into()).spawn(move || {
            let mut receive =
                Receive { readers: HashMap::new(), retired: Vec::new(), inner: shared, guard };
            let run = || receive.run(&mut poll, &commands, &status, &threads);
            let end = match catch_unwind(AssertUnwindSafe(run)) {
                Ok(Ok(())) => return,
                Ok(Err(reason)) => reason,
                Err(_) => "its receive thread panicked inside RustDDS".to_owned(),
            };
            tracing::error!(participant = name, reason = end, "the DDS backend has stopped");
            let _ = receive.inner.failed.set(end);
            for reader in receive.readers.values() {
                reader.lock().sink.flush();
            }
        })?;
        Ok(Self { inner, handle: Some(handle) })
    }
}

impl Drop for ReceiveThread {
    fn drop(&mut self) {
        self.inner.command(Command::Stop);
        if let Some(handle) = self.handle.take()
            && handle.thread().id() != std::thread::current().id()
        {
            let _ = handle.join();
        }
    }
}

struct Receive {
    readers: HashMap<usize, Arc<Inbox>>,
    /// Writers that nobody writes with any more, and when they go.
    retired: Vec<(Instant, Arc<Port>)>,
    inner: Arc<Inner>,
    guard: Guard,
}

impl Receive {
    fn run(
        &mut self,
        poll: &mut Poll,
        commands: &Receiver<Command>,
        status: &DomainParticipantStatusListener,
        threads: &Threads,
    ) -> Result<(), String> {
        let mut events = Events::with_capacity(64);
        let mut checked = Instant::now();
        self.discovery(status);
        loop {
            let next = self.retired.iter().map(|(due, _)| *due).min();
            let left =
                next.map_or(HEALTH_PERIOD, |due| due.saturating_duration_since(Instant::now()));
            poll.poll(&mut events, Some(left.min(HEALTH_PERIOD))).or_else(|error| {
                let retry = error.kind() == std::io::ErrorKind::Interrupted;
                if retry { Ok(()) } else { Err(format!("polling failed: {error}")) }
            })?;
            // Discovery first, so that a sample's writer is known when the sample is looked at.
            if events.iter().any(|event| event.token() == STATUS) {
                self.discovery(status);
            }
            // Whatever woke us: a command must never wait for another. News that came before it come first.
            let told: Vec<Command> = commands.try_iter().collect();
            if !told.is_empty() {
                self.discovery(status);
            }
            for command in told {
                match command {
                    Command::Add(token, reader) => {
                        reader.arrived(&self.inner.discovered);
                        self.readers.insert(token, reader);
                    }
                    Command::Remove(token) => {
                        self.readers.remove(&token);
                        self.inner.forget_gone();
                    }
                    Command::Arrived(token) => {
                        if let Some(reader) = self.readers.get(&token) {
                            reader.arrived(&self.inner.discovered);
                        }
                    }
                    Command::Drain(token) => {
                        if let Some(reader) = self.readers.get(&token) {
                            reader.take_left(&self.inner.discovered);
                        }
                    }
                    Command::Retire(due, writer) => self.retired.push((due, writer)),
                    Command::Stop => {
                        self.wait_for_retired();
                        return Ok(());
                    }
                }
            }
            if events.iter().any(|event| event.token() == WATCH) {
                self.inner.watch.ended();
                self.discovery(status);
                self.readers.values().for_each(|reader| reader.watch(&self.inner.discovered));
            }
            self.retired.retain(|(due, _)| *due > Instant::now());
            if checked.elapsed() >= HEALTH_PERIOD {
                checked = Instant::now();
                self.discovery(status);
                // For what RustDDS gives up waiting for, which it tells nobody.
                for reader in self.readers.values() {
                    reader.bell.suspect();
                    reader.arrived(&self.inner.discovered);
                }
                if !threads.alive() {
                    return Err("a RustDDS thread has died".to_owned());
                }
            }
        }
    }

    /// The participant goes with its last writer, not before.
    fn wait_for_retired(&self) {
        if let Some(due) = self.retired.iter().map(|(due, _)| *due).max() {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    fn discovery(&mut self, status: &DomainParticipantStatusListener) {
        let events: Vec<_> =
            std::iter::from_fn(|| status.try_recv_status()).filter_map(translate).collect();
        // Before anybody acts on them: a newcomer's first sample may come in fragments.
        self.guard.follow(&events);
        for event in events {
            let news = self.inner.discovered.lock().apply(&event);
            if !news {
                continue;
            }
            if matches!(event, DdsEvent::Matched { .. }) {
                self.inner.matches.fetch_add(1, Ordering::AcqRel);
            }
            // What a writer is was found out once; a newcomer may be another. Of one that is gone samples may
            // still wait, so who was of another type stays known for it.
            let stale = |guid: &Guid, ours: bool| match &event {
                DdsEvent::WriterFound(writer) => writer.guid == *guid,
                DdsEvent::EndpointLost(lost) => ours && lost == guid,
                DdsEvent::ParticipantLost(lost) => ours && guid.prefix() == *lost,
                _ => false,
            };
            if let DdsEvent::WriterFound(_)
            | DdsEvent::EndpointLost(_)
            | DdsEvent::ParticipantLost(_) = &event
            {
                for reader in self.readers.values() {
                    reader.forget(&self.inner.discovered, stale);
                }
            }
            for observer in self.inner.observers.read().iter() {
                observer(&event);
            }
        }
    }
}
