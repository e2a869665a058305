//! A place on the stage: a role, and the process that plays it now.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::stacks;
use crate::books::{Read, Said, Written};
use crate::node::{Order, Role};

/// What a process may take to start, to answer and to end on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Slot {
    pub role: Role,
    /// Whether faults may befall it.
    pub victim: bool,
    domain: u16,
    place: PathBuf,
    logs: PathBuf,
    process: Option<Process>,
    /// Whether it was stopped or started since the last audit.
    pub disturbed: bool,
    /// When the plan wants it to go on or to come back.
    pub resume: Option<Instant>,
}

struct Process {
    child: Child,
    orders: ChildStdin,
    lines: Receiver<String>,
    /// GUIDs of its writers by topic, when it is up.
    up: Option<Vec<String>>,
    stopped: bool,
    written: Option<Vec<Written>>,
    read: Option<(Vec<Read>, Duration)>,
    refused: Vec<(String, u64)>,
    errors: Vec<String>,
}

impl Slot {
    pub fn new(role: Role, victim: bool, domain: u16, place: &Path, logs: &Path) -> Self {
        let (place, logs) = (place.to_owned(), logs.to_owned());
        let (process, disturbed, resume) = (None, false, None);
        Self { role, victim, domain, place, logs, process, disturbed, resume }
    }

    pub fn is_alive(&self) -> bool {
        self.process.is_some()
    }

    pub fn is_stopped(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.stopped)
    }

    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// Starts its process, if there is none.
    pub fn start(&mut self) -> anyhow::Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let log = self.logs.join(format!("{}.log", self.role.name));
        let log = OpenOptions::new().create(true).append(true).open(&log)?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--node", &self.role.text(), "--domain", &self.domain.to_string()])
            .env("TIDEWIRE_SHM_DIR", &self.place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start `{}`", self.role.name))?;
        let (orders, out) = (child.stdin.take(), child.stdout.take());
        let (Some(orders), Some(out)) = (orders, out) else { bail!("no pipes") };
        let (send, lines) = channel();
        std::thread::Builder::new().name("soak-lines".into()).spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        })?;
        self.process = Some(Process {
            child,
            orders,
            lines,
            up: None,
            stopped: false,
            written: None,
            read: None,
            refused: Vec::new(),
            errors: Vec::new(),
        });
        self.disturbed = true;
        Ok(())
    }

    /// Takes in what the process has said; gives the samples it was refused.
    pub fn hear(&mut self, wrong: &mut Vec<String>) -> Vec<(String, u64)> {
        let Some(process) = &mut self.process else { return Vec::new() };
        process.listen();
        for error in process.errors.drain(..).map(|error| format!("{}: {error}", self.role.name)) {
            // What is wrong at each look is told once.
            if !wrong.contains(&error) {
                wrong.push(error);
            }
        }
        if let Ok(Some(status)) = process.child.try_wait() {
            wrong.push(format!("{} has ended by itself: {status}", self.role.name));
            self.process = None;
            return Vec::new();
        }
        std::mem::take(&mut process.refused)
    }

    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)?;
        self.disturbed = true;
        if let Some(process) = &mut self.process {
            process.stopped = true;
        }
        Ok(())
    }

    pub fn go_on(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)?;
        if let Some(process) = &mut self.process {
            process.stopped = false;
        }
        Ok(())
    }

    /// `kill -9`; what it was refused before.
    pub fn kill(&mut self) -> anyhow::Result<Vec<(String, u64)>> {
        self.signal(Signal::KILL)?;
        let Some(mut process) = self.process.take() else { return Ok(Vec::new()) };
        process.child.wait()?;
        process.listen_to_the_end();
        Ok(process.refused)
    }

    /// Lets it end by itself; what it was refused before.
    pub fn quit(&mut self) -> anyhow::Result<Vec<(String, u64)>> {
        self.order(&Order::Quit);
        let Some(mut process) = self.process.take() else { return Ok(Vec::new()) };
        let deadline = Instant::now() + PATIENCE;
        while process.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                let stacks = self.logs.join(format!("{}.stacks", self.role.name));
                let told = stacks::write(process.child.id(), &stacks);
                let _ = process.child.kill();
                let _ = process.child.wait();
                let place =
                    told.map_or_else(|error| error.to_string(), |()| stacks.display().to_string());
                bail!(
                    "{} did not end within {PATIENCE:?}; what it was at: {place}",
                    self.role.name
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let status = process.child.wait()?;
        if !status.success() {
            bail!("{} ended with {status}", self.role.name);
        }
        process.listen_to_the_end();
        Ok(process.refused)
    }

    /// Ends it for good; what went wrong with that.
    pub fn end(&mut self) -> Option<String> {
        if self.is_stopped() {
            let _ = self.go_on();
        }
        match self.is_alive() {
            true => self.quit().err().map(|error| error.to_string()),
            false => None,
        }
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.pid().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        if let Some(pid) = pid {
            kill_process(pid, signal)
                .with_context(|| format!("cannot signal `{}`", self.role.name))?;
        }
        Ok(())
    }

    /// Tells the process something. One that has just ended does not hear it, which
    /// [`hear`](Self::hear) finds.
    pub fn order(&mut self, order: &Order) {
        let Some(process) = &mut self.process else { return };
        match order {
            Order::Hold | Order::Mark => process.written = None,
            Order::Books => process.read = None,
            Order::Go(_) | Order::Quit => (),
        }
        let _ = writeln!(process.orders, "{}", order.text()).and_then(|()| process.orders.flush());
    }

    /// Whether its endpoints are made.
    pub fn is_up(&self) -> bool {
        self.writers().is_some()
    }

    /// GUIDs of its writers by topic, when it is up.
    pub fn writers(&self) -> Option<&Vec<String>> {
        self.process.as_ref()?.up.as_ref()
    }

    /// The answer to the last `Hold` or `Mark`.
    pub fn written(&self) -> Option<&Vec<Written>> {
        self.process.as_ref()?.written.as_ref()
    }

    /// The answer to the last `Books`.
    pub fn read(&self) -> Option<&(Vec<Read>, Duration)> {
        self.process.as_ref()?.read.as_ref()
    }
}

impl Process {
    fn listen(&mut self) {
        while let Ok(line) = self.lines.try_recv() {
            self.take_in(&line);
        }
    }

    /// The process is gone, so its output ends.
    fn listen_to_the_end(&mut self) {
        while let Ok(line) = self.lines.recv() {
            self.take_in(&line);
        }
    }

    fn take_in(&mut self, line: &str) {
        match serde_json::from_str(line) {
            Ok(Said::Up { writers }) => self.up = Some(writers),
            Ok(Said::Refused { writer, counter }) => self.refused.push((writer, counter)),
            Ok(Said::Error { text }) => self.errors.push(text),
            Ok(Said::Written { books }) => self.written = Some(books),
            Ok(Said::Read { books, frozen_ns }) => {
                self.read = Some((books, Duration::from_nanos(frozen_ns)));
            }
            // The last line of a process that was killed may be cut.
            Err(_) => (),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }
}
