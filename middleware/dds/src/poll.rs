//! The receive thread: waits on every reader of a participant and on its discovery events.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use mio::{Events, Interest, Poll, Token};
use rustdds::{DomainParticipantStatusListener, StatusEvented};

use crate::discovery::{DdsEvent, translate};
use crate::error::DdsError;
use crate::health::Threads;
use crate::participant::Inner;
use crate::reader::Entry;

pub(crate) const WAKE: Token = Token(0);
const STATUS: Token = Token(1);
pub(crate) const FIRST_READER: usize = 2;

/// How often the backend's threads are counted.
const HEALTH_PERIOD: Duration = Duration::from_secs(1);

pub(crate) enum Command {
    Add(usize, Box<Entry>),
    Remove(usize),
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
        name: &str,
    ) -> Result<Self, DdsError> {
        poll.registry().register(status.as_status_source_mio1(), STATUS, Interest::READABLE)?;
        let shared = inner.clone();
        let name = name.to_owned();
        let handle = std::thread::Builder::new().name("tidewire-dds".into()).spawn(move || {
            let mut receive = Receive { readers: HashMap::new(), inner: shared };
            let run = || receive.run(&mut poll, &commands, &status, &threads);
            let end = match catch_unwind(AssertUnwindSafe(run)) {
                Ok(Ok(())) => return,
                Ok(Err(reason)) => reason,
                Err(_) => "its receive thread panicked inside RustDDS".to_owned(),
            };
            tracing::error!(participant = name, reason = end, "the DDS backend has stopped");
            let _ = receive.inner.failed.set(end);
            for reader in receive.readers.values() {
                reader.sink.flush();
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
    readers: HashMap<usize, Entry>,
    inner: Arc<Inner>,
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
            poll.poll(&mut events, Some(HEALTH_PERIOD)).or_else(|error| {
                let retry = error.kind() == std::io::ErrorKind::Interrupted;
                if retry { Ok(()) } else { Err(format!("polling failed: {error}")) }
            })?;
            // Discovery first, so that a sample's writer is known when the sample is looked at.
            if events.iter().any(|event| event.token() == STATUS) {
                self.discovery(status);
            }
            for event in &events {
                match event.token() {
                    WAKE => {
                        for command in commands.try_iter() {
                            match command {
                                Command::Add(token, entry) => self.add(poll, token, *entry)?,
                                Command::Remove(token) => drop(self.readers.remove(&token)),
                                Command::Stop => return Ok(()),
                            }
                        }
                    }
                    STATUS => {}
                    Token(token) => {
                        if let Some(reader) = self.readers.get_mut(&token) {
                            reader.drain(&self.inner.discovered);
                        }
                    }
                }
            }
            if checked.elapsed() >= HEALTH_PERIOD {
                checked = Instant::now();
                if !threads.alive() {
                    return Err("a RustDDS thread has died".to_owned());
                }
            }
        }
    }

    fn add(&mut self, poll: &Poll, token: usize, mut entry: Entry) -> Result<(), String> {
        poll.registry()
            .register(entry.port.source(), Token(token), Interest::READABLE)
            .map_err(|error| format!("cannot poll a reader of `{}`: {error}", entry.topic))?;
        entry.drain(&self.inner.discovered);
        self.readers.insert(token, entry);
        Ok(())
    }

    fn discovery(&mut self, status: &DomainParticipantStatusListener) {
        while let Some(event) = status.try_recv_status() {
            let Some(event) = translate(event) else { continue };
            let news = self.inner.discovered.lock().apply(&event);
            if !news {
                continue;
            }
            if matches!(event, DdsEvent::Matched { .. }) {
                self.inner.matches.fetch_add(1, Ordering::AcqRel);
            }
            if let DdsEvent::WriterFound(writer) = &event {
                for reader in self.readers.values_mut() {
                    reader.same_type.remove(&writer.guid);
                }
            }
            for observer in self.inner.observers.read().iter() {
                observer(&event);
            }
        }
    }
}
