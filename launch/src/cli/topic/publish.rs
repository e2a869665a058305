//! `tidewire topic pub`: values from a command line or a pipe onto a topic.

use std::io::{BufRead, IsTerminal};
use std::time::{Duration, Instant};

use anyhow::Context;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use serde_json::json;
use tidewire_bus::{RawTopic, RawWriter, now_ns};
use tidewire_idl::{InstanceState, TypeDescriptor, TypeRegistry, nearest};
use tidewire_qos::Qos;

use super::offer;
use super::value::{Made, Maker};
use crate::cli::bus::Bus;
use crate::cli::failure::{Remedy, Usage};
use crate::cli::output;
use crate::cli::progress::Progress;
use crate::cli::ros::Names;
use crate::cli::time;
use crate::node::Stop;

/// `tidewire topic pub`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Topic name
    pub topic: String,
    /// Type of its samples: a shipped one (`tidewire idl print`) or one from --types
    #[arg(value_name = "TYPE")]
    pub type_name: String,
    /// The sample as JSON or YAML; members left out have their defaults. `-`, or nothing at a pipe:
    /// JSON lines from standard input, each a sample
    pub value: Option<String>,
    /// Samples per second; `inf`: as fast as readers take them [default: 1, from a pipe as they come]
    #[arg(short, long, value_name = "HZ")]
    pub rate: Option<f64>,
    /// Write the value once
    #[arg(short = '1', long, conflicts_with = "count")]
    pub once: bool,
    /// Write the value N times [default: until Ctrl-C]
    #[arg(short = 'n', short_alias = 't', long, alias = "times", value_name = "N")]
    pub count: Option<u64>,
    /// Dispose the instance the value's key members name, instead of writing a sample
    #[arg(long)]
    pub dispose: bool,
    /// Wait for N readers before the first sample [default: 1, but 0 where it writes until Ctrl-C]
    #[arg(short, long, value_name = "N", num_args = 0..=1, default_missing_value = "1")]
    pub wait: Option<usize>,
    /// Give up when there are not enough readers within this time [default: wait]
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    pub timeout: Option<Duration>,
    /// Stay so long after the last sample, for late joiners of durable topics
    #[arg(long, value_name = "TIME", value_parser = time::duration, default_value = "0")]
    pub keep_alive: Duration,
    #[command(flatten)]
    pub names: Names,
    #[command(flatten)]
    pub bus: Bus,
}

/// Writes until the values or Ctrl-C end it.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    if args.rate.is_some_and(|rate| rate.is_nan() || rate <= 0.0) {
        return Err(Usage("--rate is samples per second, more than 0, or `inf`".into()).into());
    }
    let registry = args.bus.registry()?;
    let ty = find_type(&registry, &args.type_name)?;
    let profile = args.bus.profile()?;
    let mut qos =
        profile.as_ref().map_or_else(Qos::reliable, |profile| profile.writer_qos(&args.on_bus()));
    let values = Values::new(args)?;
    let endless = matches!(values, Values::One(_)) && args.times().is_none();
    let wanted = args.wait.unwrap_or(usize::from(!endless));
    // A wrong value is told before anybody is waited for.
    if let Values::One(text) = &values {
        args.make(&Maker::new(&ty, offer::encoding(&qos))?, "VALUE", 1, text)?;
    }

    let stop = Stop::at_keyboard()?;
    let participant = args.bus.participant("topic-pub")?;
    if let Some(found) = offer::look(args, &participant, &stop) {
        offer::tell_types(args, &args.names.type_on_bus(&ty.name), &found);
        if profile.is_none() {
            offer::suit(&mut qos, &found);
        }
    }
    let maker = Maker::new(&ty, offer::encoding(&qos))?;
    let type_name = args.names.type_on_bus(&ty.name);
    let topic = RawTopic::new(args.on_bus(), type_name, maker.keyed());
    let writer = participant.raw_writer_of(&topic, &ty, &qos)?;
    offer::wait(args, &participant, &writer, wanted, &stop)?;

    let mut progress = Progress::new(json);
    let told = values.write(args, &maker, &writer, &stop, &mut progress);
    progress.clear();
    told?;
    let acknowledged = writer.wait_for_acknowledgments(Duration::from_secs(5));
    let stay = Instant::now();
    stop.wait_or(|| stay.elapsed() >= args.keep_alive);
    let readers = writer.matched_readers();
    if json {
        return output::json(&json!({
            "topic": args.topic,
            "type": ty.name,
            "written": writer.written(),
            "readers": readers,
            "acknowledged": acknowledged,
        }));
    }
    output::say(&format!(
        "{}: {} written, {}{}",
        args.topic,
        many(writer.written(), if args.dispose { "dispose" } else { "sample" }),
        many(readers as u64, "reader"),
        if acknowledged { "" } else { ", not all acknowledged within 5 s" }
    ));
    Ok(())
}

fn many(count: u64, what: &str) -> String {
    format!("{} {what}{}", output::count(count), if count == 1 { "" } else { "s" })
}

impl Args {
    /// The bus's name of the topic.
    pub fn on_bus(&self) -> String {
        self.names.on_bus(&self.topic)
    }

    fn times(&self) -> Option<u64> {
        if self.once || (self.dispose && self.count.is_none()) { Some(1) } else { self.count }
    }

    fn make(&self, maker: &Maker, name: &str, line: usize, text: &str) -> anyhow::Result<Made> {
        let made = match self.dispose {
            true => maker.dispose(name, line, text),
            false => maker.sample(name, line, text),
        };
        Ok(made?)
    }
}

/// Where samples come from.
enum Values {
    One(String),
    Lines,
}

impl Values {
    fn new(args: &Args) -> anyhow::Result<Self> {
        let piped = match args.value.as_deref() {
            Some("-") => true,
            Some(_) => false,
            None => !std::io::stdin().is_terminal(),
        };
        if !piped {
            let text = args.value.clone().unwrap_or_else(|| "{}".to_owned());
            if text.trim().is_empty() {
                return Err(
                    Usage("VALUE is empty; write `{}` for a sample of defaults".into()).into()
                );
            }
            return Ok(Self::One(text));
        }
        if args.count.is_some() || args.once {
            let text =
                "--count and --once repeat VALUE; from standard input, every line is written once";
            return Err(Usage(text.into()).into());
        }
        Ok(Self::Lines)
    }

    fn write(
        &self,
        args: &Args,
        maker: &Maker,
        writer: &RawWriter,
        stop: &Stop,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        let rate = args.rate.unwrap_or(match self {
            Self::One(_) => 1.0,
            Self::Lines => f64::INFINITY,
        });
        let mut pace = Pace { begun: Instant::now(), rate, count: 0 };
        let mut put = |made: &Made| -> anyhow::Result<()> {
            pace.wait(stop);
            if stop.is_set() {
                return Ok(());
            }
            match made.state {
                InstanceState::Alive => writer.write(&made.payload, now_ns(), made.key)?,
                _ => writer.dispose(&made.payload, made.key, now_ns())?,
            }
            progress.show(|| {
                let readers = many(writer.matched_readers() as u64, "reader");
                format!("{} written, {readers}", output::count(writer.written()))
            });
            Ok(())
        };
        match self {
            Self::One(text) => {
                let made = args.make(maker, "VALUE", 1, text)?;
                let mut left = args.times().unwrap_or(u64::MAX);
                while left > 0 && !stop.is_set() {
                    put(&made)?;
                    left -= 1;
                }
            }
            Self::Lines => {
                let lines = lines();
                let mut number = 0;
                while !stop.is_set() {
                    let line = match lines.recv_timeout(Duration::from_millis(100)) {
                        Ok(line) => line.context("cannot read standard input")?,
                        Err(RecvTimeoutError::Timeout) => continue,
                        Err(RecvTimeoutError::Disconnected) => break,
                    };
                    number += 1;
                    if !line.trim().is_empty() {
                        put(&args.make(maker, "stdin", number, &line)?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Lines of standard input, read on a thread of their own so that Ctrl-C need not wait for one.
fn lines() -> Receiver<std::io::Result<String>> {
    let (send, receive) = crossbeam_channel::bounded(64);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let last = line.is_err();
            if send.send(line).is_err() || last {
                break;
            }
        }
    });
    receive
}

/// Spreads samples evenly.
struct Pace {
    begun: Instant,
    rate: f64,
    count: u64,
}

impl Pace {
    fn wait(&mut self, stop: &Stop) {
        let due =
            Duration::try_from_secs_f64(self.count as f64 / self.rate).unwrap_or(Duration::MAX);
        self.count += 1;
        while !stop.is_set() {
            let left = due.saturating_sub(self.begun.elapsed());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

fn find_type(
    registry: &TypeRegistry,
    name: &str,
) -> anyhow::Result<std::sync::Arc<TypeDescriptor>> {
    if let Some(ty) = registry.get(name) {
        return Ok(ty);
    }
    let names = registry.names();
    // People leave the modules out.
    let last = |full: &str| full.rsplit(['/', ':']).next().unwrap_or(full).to_owned();
    let lasts: Vec<String> = names.iter().map(|full| last(full)).collect();
    let near = nearest(&last(name), lasts.iter().map(String::as_str));
    let near = near.and_then(|near| names.iter().find(|full| last(full) == near));
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Err(anyhow::anyhow!("no type `{name}`{near}"))
        .remedy("`tidewire idl print` lists the names; give the folder of other types with --types")
}
