//! The writers of a process, on one thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tidewire_bus::{Participant, RawTopic, RawWriter, WriteError, Writer, now_ns};
use tidewire_types::bench::{Block1M, Block64};
use tidewire_types::sensor::Temperature;

use super::freeze::Freeze;
use super::{Order, complain, say};
use crate::books::{Said, Written};
use crate::pattern;
use crate::topics::{Form, KEYS, Topic};

/// How long a small sample stays on loan before it is sent, so that processes are killed and stopped with it.
const HOLD: Duration = Duration::from_millis(2);

enum Port {
    Plain(Writer<Block64>),
    Large(Writer<Block1M>),
    Bytes(RawWriter, usize, usize),
    State(Writer<Temperature>),
}

struct Line {
    port: Port,
    topic: Topic,
    due: Instant,
    book: Written,
}

pub struct Writing {
    name: String,
    lines: Vec<Line>,
    freeze: Arc<Freeze>,
    buffer: Vec<u8>,
}

impl Writing {
    pub fn open(
        bus: &Participant,
        name: &str,
        topics: &[Topic],
        freeze: Arc<Freeze>,
    ) -> anyhow::Result<Self> {
        let mut lines = Vec::new();
        for (index, topic) in topics.iter().enumerate() {
            let port = match topic.form {
                Form::Plain => Port::Plain(bus.writer(topic.name, &topic.qos)?),
                Form::Large => Port::Large(bus.writer(topic.name, &topic.qos)?),
                Form::State => Port::State(bus.writer(topic.name, &topic.qos)?),
                Form::Bytes(least, most) => {
                    let raw = RawTopic::new(topic.name, "soak::Bytes", false);
                    Port::Bytes(bus.raw_writer(&raw, &topic.qos)?, least, most)
                }
            };
            let book = Written { topic: index, writer: guid(&port), ..Written::default() };
            lines.push(Line { port, topic: topic.clone(), due: Instant::now(), book });
        }
        // Instances are this process's own, whichever one of its name it is.
        let name = format!("{name}/{}", std::process::id());
        Ok(Self { name, lines, freeze, buffer: Vec::new() })
    }

    /// By topic.
    pub fn guids(&self) -> Vec<String> {
        self.lines.iter().map(|line| line.book.writer.clone()).collect()
    }

    pub fn run(&mut self, orders: &Receiver<Order>) {
        let mut holds = false;
        loop {
            let next = self.lines.iter().map(|line| line.due).min();
            let wait = match next {
                Some(due) if !holds => due.saturating_duration_since(Instant::now()),
                _ => Duration::from_secs(3600),
            };
            match orders.recv_timeout(wait) {
                Ok(Order::Quit) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Order::Hold) => {
                    holds = true;
                    self.tell();
                }
                Ok(Order::Mark) => {
                    for index in 0..self.lines.len() {
                        self.write(index);
                    }
                    self.tell();
                }
                Ok(Order::Go(_)) => {
                    holds = false;
                    for line in &mut self.lines {
                        line.due = Instant::now();
                        line.book.stall_ns = 0;
                    }
                }
                Ok(Order::Books) => (),
                Err(RecvTimeoutError::Timeout) => {
                    let now = Instant::now();
                    for index in 0..self.lines.len() {
                        if self.lines[index].due <= now {
                            self.write(index);
                            // What a stopped process did not write it does not catch up with.
                            let line = &mut self.lines[index];
                            line.due = (line.due + line.topic.period).max(Instant::now());
                        }
                    }
                }
            }
        }
    }

    fn tell(&self) {
        say(&Said::Written { books: self.lines.iter().map(|line| line.book.clone()).collect() });
    }

    fn write(&mut self, index: usize) {
        let Self { name, lines, freeze, buffer } = self;
        let Line { port, topic, book, .. } = &mut lines[index];
        book.last += 1;
        let counter = book.last;
        let (written, stall) = match port {
            Port::Plain(writer) => write_plain(writer, counter, freeze),
            Port::Large(writer) => freeze.time(|| {
                let mut loan = writer.loan()?;
                pattern::fill(&mut loan.data, counter);
                loan.send()
            }),
            Port::Bytes(writer, least, most) => {
                let words = (*most - *least) / 8 + 1;
                // Lengths that jump: 61 is prime to what there are.
                let len = *least + 8 * (counter as usize * 61 % words);
                buffer.resize(4 + len, 0);
                buffer[..4].copy_from_slice(&[0, 1, 0, 0]);
                pattern::fill(&mut buffer[4..], counter);
                freeze.time(|| writer.write(buffer, now_ns(), None))
            }
            Port::State(writer) => {
                let point = format!("{name}/{}", counter % KEYS);
                let value = Temperature { point: point.clone(), celsius: counter as f64 };
                let done = freeze.time(|| writer.write(&value));
                book.values.insert(point, counter);
                done
            }
        };
        book.stall_ns = book.stall_ns.max(stall.as_nanos() as u64);
        match written {
            Ok(()) => (),
            Err(WriteError::Timeout { .. }) => {
                say(&Said::Refused { writer: book.writer.clone(), counter });
            }
            Err(error) => complain(format!("{}: {error}", topic.name)),
        }
    }
}

/// Loaned, held and sent: loan and send may each wait.
fn write_plain(
    writer: &Writer<Block64>,
    counter: u64,
    freeze: &Freeze,
) -> (Result<(), WriteError>, Duration) {
    let (loan, waited) = freeze.time(|| writer.loan());
    let mut loan = match loan {
        Ok(loan) => loan,
        Err(error) => return (Err(error), waited),
    };
    pattern::fill(&mut loan.data, counter);
    std::thread::sleep(HOLD);
    let (sent, took) = freeze.time(|| loan.send());
    (sent, waited.max(took))
}

fn guid(port: &Port) -> String {
    match port {
        Port::Plain(writer) => writer.guid(),
        Port::Large(writer) => writer.guid(),
        Port::Bytes(writer, ..) => writer.guid(),
        Port::State(writer) => writer.guid(),
    }
    .to_string()
}
