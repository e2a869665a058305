//! The topics that `topic hz`, `bw` and `delay` were asked for: finding them, and reading those that can
//! be read.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::bail;
use tidewire_bus::{Participant, RawReader, TopicInfo};
use tidewire_idl::{TypeHandle, TypeRegistry};
use tidewire_qos::fnmatch::{fnmatch, has_wildcard};
use tidewire_qos::{Durability, Profile};

use super::figures::Figures;
use super::measure::{Args, Measured};
use super::watch;
use crate::cli::output;

/// How long, and how often, a type is asked for that nobody here knows.
const ASKING: Duration = Duration::from_millis(250);
const ASKED: u32 = 12;

/// What was asked for, and what of it has come.
pub struct Topics<'a> {
    args: &'a Args,
    participant: Participant,
    registry: TypeRegistry,
    profile: Option<Profile>,
    /// By name.
    pub measured: Vec<Measured>,
    /// Names on the bus of those that cannot be read.
    refused: Vec<String>,
    /// How often the type of a topic was asked for in vain.
    asked: HashMap<String, u32>,
}

impl<'a> Topics<'a> {
    /// Joins the domain under `name`, unless another was given.
    pub fn new(args: &'a Args, name: &str) -> anyhow::Result<Self> {
        Ok(Self {
            args,
            profile: args.bus.profile()?,
            registry: args.bus.registry()?,
            participant: args.bus.participant(name)?,
            measured: Vec::new(),
            refused: Vec::new(),
            asked: HashMap::new(),
        })
    }

    /// Reads topics that have come, and notes who writes those that are known. Says which cannot be read:
    /// that ends nothing, unless there is no other that could come.
    pub fn look(&mut self) -> anyhow::Result<Vec<String>> {
        let mut warnings = Vec::new();
        for info in self.participant.topics() {
            if let Some(known) = self.measured.iter_mut().find(|m| m.info.name == info.name) {
                if !info.writers.is_empty() {
                    known.info = info;
                }
                continue;
            }
            let is_refused = self.refused.contains(&info.name);
            if is_refused || info.writers.is_empty() || !self.is_wanted(&info.name) {
                continue;
            }
            let name = self.args.names.topic(&info.name);
            match self.open(&info) {
                Ok(None) => {}
                Ok(Some(reader)) => {
                    let figures = Figures::new(self.args.window.map(|window| window as usize));
                    self.measured.push(Measured { name, info, reader, figures });
                }
                Err(error) => {
                    let mut told = format!("`{name}` cannot be measured: {error}");
                    if self.registry.get(&info.type_name).is_none() {
                        told += &format!(" (`{}` is not known here: --types DIR)", info.type_name);
                    }
                    self.refused.push(info.name);
                    if self.all_are_refused() {
                        bail!("{told}");
                    }
                    warnings.push(format!("warning: {told}"));
                }
            }
        }
        self.measured.sort_by(|a, b| a.info.name.cmp(&b.info.name));
        Ok(warnings)
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.args.topics.iter().any(|topic| {
            let topic = self.args.names.on_bus(topic);
            topic == name || (has_wildcard(&topic) && fnmatch(&topic, name))
        })
    }

    /// Whether nothing else was asked for. A pattern asks for what may still come.
    fn all_are_refused(&self) -> bool {
        self.args.topics.iter().all(|topic| {
            let topic = self.args.names.on_bus(topic);
            !has_wildcard(&topic) && self.refused.contains(&topic)
        })
    }

    /// A reader of a topic, which tells instances apart if the type is known. `None` while its type is
    /// asked for: briefly, as the readers that are there hold their writers up meanwhile.
    fn open(&mut self, info: &TopicInfo) -> anyhow::Result<Option<RawReader>> {
        let known = self.registry.get(&info.type_name);
        let opened = self.open_as(info, known.as_ref());
        let asked = self.asked.entry(info.name.clone()).or_default();
        let is_futile = known.is_some() || !self.participant.reads_types() || *asked >= ASKED;
        if opened.is_ok() || is_futile {
            return opened.map(Some);
        }
        *asked += 1;
        // It may be the type that is missing.
        match self.participant.discovered_type(&info.name, ASKING) {
            Ok(announced) => self.open_as(info, Some(&announced)).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn open_as(&self, info: &TopicInfo, ty: Option<&TypeHandle>) -> anyhow::Result<RawReader> {
        match &self.profile {
            Some(profile) => watch::reader_of(&self.participant, info, ty, Some(profile)),
            // History is of the past: neither its rate nor its delay is one of now.
            None => watch::reader_as(&self.participant, info, ty, |qos| {
                qos.durability = Durability::Volatile;
            }),
        }
    }

    /// Whether any topic has come, be it one that cannot be read.
    pub fn have_come(&self) -> bool {
        !self.measured.is_empty() || !self.refused.is_empty()
    }

    /// Waits a moment for samples, or for topics if there is none yet.
    pub fn wait(&self) {
        let moment = if self.measured.is_empty() { 20 } else { 100 };
        self.participant.wait(Duration::from_millis(moment));
    }

    /// The first name or pattern that nobody writes.
    fn missing(&self) -> Option<&str> {
        let found = |topic: &&String| {
            let topic = &self.args.names.on_bus(topic);
            let measured = self.measured.iter().map(|m| &m.info.name);
            measured.chain(&self.refused).any(|name| name == topic || fnmatch(topic, name))
        };
        self.args.topics.iter().find(|topic| !found(topic)).map(String::as_str)
    }

    /// After two seconds of looking, says once what there is instead.
    pub fn tell_missing(&self, looked: Duration) -> bool {
        let over = self.args.timeout.is_some_and(|timeout| timeout <= looked);
        let due = looked >= Duration::from_secs(2) && !over;
        let Some(name) = self.missing().filter(|_| due) else { return false };
        output::note(&format!("waiting: {}", watch::nobody(&self.participant, name)));
        true
    }

    /// Nothing has come for as long as somebody would wait.
    ///
    /// # Errors
    /// Always: what has not come.
    pub fn give_up(&self, waited: Duration) -> anyhow::Result<()> {
        if let Some(name) = self.missing() {
            bail!("{}", watch::nobody(&self.participant, name));
        }
        let names: Vec<&str> = self.measured.iter().map(|m| m.name.as_str()).collect();
        if names.is_empty() {
            bail!("none of the topics that are there can be measured");
        }
        bail!("no sample on `{}` for {:.1} s", names.join("`, `"), waited.as_secs_f64());
    }
}
