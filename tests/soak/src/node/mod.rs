//! One process of the soak: a participant that writes, reads, or both, and tells its books when asked.
//!
//! Orders come as words on standard input, answers go as JSON lines to standard output.

mod freeze;
mod read;
mod write;

use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Context, bail};
use serde::Serialize;
use tidewire_bus::{Participant, Transports};

use crate::books::Said;
use crate::topics::topics;
use freeze::Freeze;

/// What a process is to be, as told by its command line: `name:shm:dds:writes:reads:queue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Whether it is on shared memory.
    pub shm: bool,
    /// Whether it is on DDS.
    pub dds: bool,
    /// Whether it writes.
    pub writes: bool,
    /// Whether it reads.
    pub reads: bool,
    /// Room in its readers' queues, if it is to be short.
    pub queue: Option<u32>,
}

impl Role {
    /// For the command line.
    pub fn text(&self) -> String {
        let Self { name, shm, dds, writes, reads, queue } = self;
        format!("{name}:{shm}:{dds}:{writes}:{reads}:{}", queue.unwrap_or_default())
    }

    /// Whether what it writes is for `reader`.
    pub fn reaches(&self, reader: &Self) -> bool {
        self.writes && reader.reads && (self.shm && reader.shm || self.dds && reader.dds)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let [name, shm, dds, writes, reads, queue] = parts[..] else { bail!("no role: `{text}`") };
        let queue: u32 = queue.parse()?;
        Ok(Self {
            name: name.to_owned(),
            shm: shm.parse()?,
            dds: dds.parse()?,
            writes: writes.parse()?,
            reads: reads.parse()?,
            queue: (queue > 0).then_some(queue),
        })
    }
}

/// What the stage can ask for.
#[derive(Clone, Debug)]
pub enum Order {
    /// Write no more, and tell what was written.
    Hold,
    /// Write one more sample of each topic, and tell what was written.
    Mark,
    /// Tell what was read.
    Books,
    /// Go on; what was read of other writers than these is forgotten.
    Go(BTreeSet<String>),
    /// End.
    Quit,
}

impl Order {
    /// As it is said on standard input.
    pub fn text(&self) -> String {
        match self {
            Self::Hold => "hold".into(),
            Self::Mark => "mark".into(),
            Self::Books => "books".into(),
            Self::Go(writers) => {
                writers.iter().fold("go".into(), |text, writer| format!("{text} {writer}"))
            }
            Self::Quit => "quit".into(),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        Some(match words.next()? {
            "hold" => Self::Hold,
            "mark" => Self::Mark,
            "books" => Self::Books,
            "go" => Self::Go(words.map(str::to_owned).collect()),
            "quit" => Self::Quit,
            _ => return None,
        })
    }
}

/// Says something to the stage.
fn say(said: &impl Serialize) {
    let Ok(mut line) = serde_json::to_vec(said) else { return };
    line.push(b'\n');
    // Whole lines: two threads speak. Nobody listens when the stage is gone, and then we end.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(&line).and_then(|()| out.flush());
}

fn complain(text: String) {
    say(&Said::Error { text });
}

/// Plays a role until it is told to quit or the stage is gone.
pub fn run(role: &str, domain: u16) -> anyhow::Result<()> {
    // A stopped process would outlive the stage: its input ends, but it does not look.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        // It complains of every repeat of a large sample, thousands of times.
        .unwrap_or_else(|_| "warn,rustdds=error,rustdds::structure::sequence_number=off".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let role = Role::parse(role)?;
    let bus = Participant::builder()
        .domain(domain)
        .name(format!("soak/{}", role.name))
        .transports(Transports { dds: role.dds, shm: role.shm })
        .build()
        .context("cannot join")?;
    if bus.transports().shm != role.shm {
        bail!("shared memory does not start");
    }
    let freeze = Arc::new(Freeze::start()?);
    let mut workers = Vec::new();
    let mut orders: Vec<Sender<Order>> = Vec::new();
    let mut work = |name: &str, run: Box<dyn FnOnce(Receiver<Order>) + Send>| {
        let (send, receive) = channel();
        orders.push(send);
        // A sample of 1 MiB that is decoded lies on the stack.
        let thread = std::thread::Builder::new().name(name.into()).stack_size(16 << 20);
        workers.push(thread.spawn(move || run(receive))?);
        anyhow::Ok(())
    };
    let mut writers = Vec::new();
    if role.reads {
        let mut reading = read::Reading::open(&bus, &topics(), role.queue, freeze.clone())?;
        work("soak-read", Box::new(move |orders| reading.run(&orders)))?;
    }
    if role.writes {
        let mut writing = write::Writing::open(&bus, &role.name, &topics(), freeze)?;
        writers = writing.guids();
        work("soak-write", Box::new(move |orders| writing.run(&orders)))?;
    }
    say(&Said::Up { writers });
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Some(order) = Order::parse(&line) else { bail!("no order: `{line}`") };
        if let Err(error) = bus.check() {
            complain(error.to_string());
        }
        for worker in &orders {
            let _ = worker.send(order.clone());
        }
        if matches!(order, Order::Quit) {
            break;
        }
    }
    drop(orders);
    for worker in workers {
        if worker.join().is_err() {
            bail!("a thread of `{}` has panicked", role.name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_orders_survive_the_way_to_the_process() {
        let role = Role {
            name: "a".into(),
            shm: true,
            dds: false,
            writes: false,
            reads: true,
            queue: Some(64),
        };
        assert_eq!(Role::parse(&role.text()).unwrap(), role);
        let role = Role { queue: None, ..role };
        assert_eq!(Role::parse(&role.text()).unwrap(), role);
        assert!(Role::parse("a:b").is_err());
        let go = Order::Go(["x".to_owned(), "y".to_owned()].into());
        let Some(Order::Go(writers)) = Order::parse(&go.text()) else { panic!("not heard") };
        assert_eq!(writers.len(), 2);
        for order in [Order::Hold, Order::Mark, Order::Books, Order::Quit] {
            assert_eq!(Order::parse(&order.text()).unwrap().text(), order.text());
        }
    }
}
