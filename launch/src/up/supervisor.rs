//! Starts the nodes of a plan in the order of their needs, brings back those that fail, stops them
//! so that the books balance.
//!
//! One thread (the caller's) owns all state; it hears of signals, control messages and ended
//! processes through one channel. Nodes are children of this very thread: the kernel ends them with
//! it (`PR_SET_PDEATHSIG`).

use std::fs::File;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::process::{Pid, Signal, kill_process};
use tidewire_bus::{BACKEND_VARIABLE, Backend};

use super::control::{self, FromNode, How, Report, ToNode};
use super::plan::{NodePlan, Phase, Plan, Program};
use tidewire_graph::{ReadyWhen, RespawnPolicy};

/// What the owning thread hears.
pub enum Event {
    /// A node connected.
    Connected { node: String, pid: u32, stream: UnixStream },
    /// A node spoke.
    Said { node: String, pid: u32, message: FromNode },
    /// A node has said its last word.
    Closed { node: String, pid: u32 },
    /// A process ended.
    Ended { node: String, pid: u32, status: ExitStatus },
    /// SIGINT or SIGTERM.
    Interrupted,
}

/// Where a node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its needs are not ready yet.
    Waiting,
    /// Its process runs.
    Starting,
    /// It works.
    Ready,
    /// It failed and comes back at this time.
    Resting(Instant),
    /// It was told to stop.
    Stopping,
    /// It ended and stays so.
    Done,
    /// It failed and stays so.
    Failed,
}

/// A node at run time.
pub struct Node {
    /// What it is.
    pub plan: NodePlan,
    /// Where it is in its life.
    pub state: State,
    /// How often it came back.
    pub restarts: u32,
    /// How often in a row.
    streak: u32,
    /// What it counts now.
    pub report: Report,
    /// What its earlier processes counted.
    pub earlier: Report,
    /// When it was not working though it should have been: total of past stretches.
    pub down: Duration,
    down_since: Option<Instant>,
    pid: Option<u32>,
    stream: Option<UnixStream>,
    /// The process has ended, while what it said last may still be on its way.
    exit: Option<ExitStatus>,
    /// Nothing more comes from it.
    silent: bool,
    started: Instant,
    told: Instant,
    reported_final: bool,
}

impl Node {
    /// Counts on a topic over all its processes.
    pub fn topic(&self, topic: &str) -> control::TopicReport {
        let mut sum = self.report.topics.get(topic).cloned().unwrap_or_default();
        if let Some(earlier) = self.earlier.topics.get(topic) {
            sum.add(earlier);
        }
        sum
    }

    /// Topics it ever counted on.
    pub fn topics(&self) -> impl Iterator<Item = &String> {
        self.report.topics.keys().chain(self.earlier.topics.keys())
    }

    fn works(&mut self) {
        self.state = State::Ready;
        if let Some(since) = self.down_since.take() {
            self.down += since.elapsed();
        }
    }

    fn alive(&self) -> bool {
        self.pid.is_some()
    }

    /// The process to signal; none once it has ended and its number may be another's.
    fn running(&self) -> Option<u32> {
        self.pid.filter(|_| self.exit.is_none())
    }
}

/// The launcher at work.
pub struct Supervisor {
    /// By full name, in the order of the plan.
    pub nodes: Vec<Node>,
    /// Where the logs of the nodes go.
    pub logs: PathBuf,
    events: Receiver<Event>,
    send: Sender<Event>,
    socket: PathBuf,
    // Holds the socket; removed on drop.
    _run_dir: tempfile::TempDir,
}

impl Supervisor {
    /// Listens for nodes and signals; starts nothing yet.
    pub fn new(plan: Plan, logs: PathBuf) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&logs)
            .with_context(|| format!("cannot make {}", logs.display()))?;
        let run_dir = tempfile::Builder::new()
            .prefix("tidewire-up-")
            .tempdir_in(run_base())
            .context("cannot make a folder for the control socket")?;
        let socket = run_dir.path().join("control.sock");
        let listener = UnixListener::bind(&socket)
            .with_context(|| format!("cannot listen on {}", socket.display()))?;
        let (send, events) = unbounded();
        let accepted = send.clone();
        thread::Builder::new()
            .name("control".into())
            .spawn(move || accept(&listener, &accepted))?;
        let interrupted = send.clone();
        let mut signals = signal_hook::iterator::Signals::new([
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGHUP,
        ])?;
        thread::Builder::new().name("signals".into()).spawn(move || {
            for _ in signals.forever() {
                if interrupted.send(Event::Interrupted).is_err() {
                    return;
                }
            }
        })?;
        let nodes = plan.nodes.into_iter().map(|plan| Node {
            plan,
            state: State::Waiting,
            restarts: 0,
            streak: 0,
            report: Report::default(),
            earlier: Report::default(),
            down: Duration::ZERO,
            down_since: None,
            pid: None,
            stream: None,
            exit: None,
            silent: false,
            started: Instant::now(),
            told: Instant::now(),
            reported_final: false,
        });
        Ok(Self { nodes: nodes.collect(), logs, events, send, socket, _run_dir: run_dir })
    }

    /// Starts what may start and takes in events for at most `timeout`. Returns `true` when the
    /// user asked to stop.
    pub fn turn(&mut self, timeout: Duration) -> anyhow::Result<bool> {
        self.look_for_ready();
        self.start_due()?;
        let deadline = Instant::now() + timeout;
        while let Ok(event) = self.events.recv_deadline(deadline) {
            if self.take(event) {
                return Ok(true);
            }
            self.start_due()?;
            // A backlog of events must not hold up the clock.
            if Instant::now() >= deadline {
                break;
            }
        }
        Ok(false)
    }

    /// Readiness that no message tells: time passed, lines logged; and patience that ended.
    fn look_for_ready(&mut self) {
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            if node.state != State::Starting {
                continue;
            }
            let ready = match &node.plan.readiness.when {
                ReadyWhen::Started => true,
                ReadyWhen::After(pause) => node.started.elapsed() >= *pause,
                ReadyWhen::Log(pattern) => match regex::Regex::new(pattern) {
                    Ok(pattern) => std::fs::read(self.log(&node.plan.name))
                        .is_ok_and(|log| pattern.is_match(&String::from_utf8_lossy(&log))),
                    // Checked when the file was read; a pattern we cannot judge must not hang.
                    Err(_) => true,
                },
                ReadyWhen::Signal => false,
            };
            let late = node.started.elapsed() >= node.plan.readiness.timeout;
            let pid = node.running();
            let node = &mut self.nodes[index];
            if ready {
                node.works();
            } else if late {
                tracing::error!(node = node.plan.name, "is not ready in time; killed");
                node.state = State::Failed;
                signal(pid, Signal::KILL);
            }
        }
    }

    /// Whether every node works or has ended.
    pub fn all_up(&self) -> bool {
        self.nodes.iter().all(|n| matches!(n.state, State::Ready | State::Done | State::Failed))
    }

    /// Nodes that failed for good.
    pub fn failed(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|n| n.state == State::Failed)
    }

    /// Whether some source still works: a graph whose sources all ended is done.
    pub fn has_sources(&self) -> bool {
        let mut sources = self.nodes.iter().filter(|n| n.plan.phase == Phase::Source).peekable();
        sources.peek().is_none() || sources.any(|n| !matches!(n.state, State::Done | State::Failed))
    }

    /// Stops all nodes, phase by phase, within a bounded time. A second interrupt kills what is
    /// left. Returns whether all ended by themselves.
    pub fn stop(&mut self) -> anyhow::Result<bool> {
        let mut clean = true;
        self.tell(Phase::Viewer);
        for phase in Phase::STEPS {
            let alive = |n: &Node| n.plan.phase == phase && n.alive();
            if phase == Phase::Bridge && self.nodes.iter().any(alive) {
                // What detectors said last is still on its way to the other site.
                self.settle(Duration::from_millis(200));
            }
            if phase == Phase::Recorder {
                self.await_balance(Duration::from_secs(5));
            }
            self.tell(phase);
            clean &= self.await_end(phase);
        }
        clean &= self.await_end(Phase::Viewer);
        Ok(clean)
    }

    /// Log file of a node.
    pub fn log(&self, node: &str) -> PathBuf {
        self.logs.join(format!("{}.log", node.replace('/', "-")))
    }

    /// The last lines a node logged.
    pub fn last_lines(&self, node: &str, lines: usize) -> Vec<String> {
        let text = std::fs::read(self.log(node))
            .map(|b| String::from_utf8_lossy(&b).into_owned())
            .unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].iter().map(|l| (*l).to_owned()).collect()
    }

    /// Samples of a topic written at a site so far.
    pub fn written(&self, site: &str, topic: &str) -> u64 {
        self.nodes.iter().filter(|n| n.plan.site == site).map(|n| n.topic(topic).written).sum()
    }

    fn start_due(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        for index in 0..self.nodes.len() {
            let due = match self.nodes[index].state {
                State::Waiting => self.nodes[index].plan.needs.iter().all(|need| {
                    // A node that did its work and ended is as good as ready.
                    self.nodes.iter().any(|n| {
                        n.plan.name == *need && matches!(n.state, State::Ready | State::Done)
                    })
                }),
                State::Resting(until) => now >= until,
                _ => false,
            };
            if due {
                self.start(index)?;
            }
        }
        Ok(())
    }

    fn start(&mut self, index: usize) -> anyhow::Result<()> {
        let plan = &self.nodes[index].plan;
        let name = plan.name.clone();
        let mut command = command(&plan.program)?;
        let log = File::options().create(true).append(true).open(self.log(&name))?;
        command
            .envs(plan.env.iter().map(|(k, v)| (k, v)))
            .env(control::SOCKET_ENV, &self.socket)
            .env(control::NODE_ENV, &name)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C in the terminal is for the launcher, which stops its nodes in order.
            .process_group(0);
        let spawned = command.spawn();
        let node = &mut self.nodes[index];
        node.started = Instant::now();
        node.reported_final = false;
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => {
                tracing::error!(node = name, %error, "cannot start");
                std::fs::write(
                    self.logs.join(format!("{}.log", name.replace('/', "-"))),
                    format!("{error}\n"),
                )?;
                node.state = State::Failed;
                return Ok(());
            }
        };
        let pid = child.id();
        node.pid = Some(pid);
        (node.exit, node.silent) = (None, false);
        node.state = State::Starting;
        let ended = self.send.clone();
        thread::Builder::new().name(format!("wait {name}")).spawn(move || {
            if let Ok(status) = child.wait() {
                // Nobody listens any more once the launcher is done.
                let _ = ended.send(Event::Ended { node: name, pid, status });
            }
        })?;
        Ok(())
    }

    /// Takes in one event; `true` for an interrupt.
    fn take(&mut self, event: Event) -> bool {
        let (name, from) = match &event {
            Event::Interrupted => return true,
            Event::Connected { node, pid, .. }
            | Event::Said { node, pid, .. }
            | Event::Closed { node, pid }
            | Event::Ended { node, pid, .. } => (node, *pid),
        };
        let Some(node) = self.nodes.iter_mut().find(|n| n.plan.name == *name) else {
            tracing::warn!(
                node = name,
                "a process that is no node of this graph spoke on the control socket"
            );
            return false;
        };
        // Late words of a process already replaced.
        let current = node.pid == Some(from);
        match event {
            Event::Interrupted => {}
            Event::Connected { stream, .. } => {
                if current {
                    node.stream = Some(stream);
                }
            }
            Event::Said { message, .. } => match message {
                FromNode::Ready(true) if current && node.state == State::Starting => node.works(),
                FromNode::Stats(report) if current => node.report = report,
                FromNode::Final(report) if current => {
                    node.report = report;
                    node.reported_final = true;
                }
                _ => {}
            },
            Event::Closed { .. } => {
                if current {
                    node.silent = true;
                    if let Some(status) = node.exit.take() {
                        Self::ended(node, status);
                    }
                }
            }
            Event::Ended { status, .. } => {
                if current && node.stream.is_some() && !node.silent {
                    // Two threads tell of words and of the end: its final counts come first.
                    node.exit = Some(status);
                } else if current {
                    Self::ended(node, status);
                }
            }
        }
        false
    }

    fn ended(node: &mut Node, status: ExitStatus) {
        node.pid = None;
        node.stream = None;
        match node.state {
            State::Stopping => {
                node.state = State::Done;
                return;
            }
            State::Failed => return,
            _ => {}
        }
        let failed = !status.success();
        let how =
            status.signal().map_or_else(|| status.to_string(), |signal| format!("signal {signal}"));
        // A node that worked for a while starts its back-off anew.
        if node.started.elapsed() > node.plan.respawn.max_backoff {
            node.streak = 0;
        }
        let respawn = &node.plan.respawn;
        let wanted = match respawn.policy {
            RespawnPolicy::Always => true,
            RespawnPolicy::OnFailure => failed,
            RespawnPolicy::Never => false,
        };
        let pause = (wanted && respawn.max.is_none_or(|max| node.streak < max))
            .then(|| respawn.delay(node.streak));
        match pause {
            Some(pause) => {
                node.streak += 1;
                tracing::warn!(node = node.plan.name, how, ?pause, "ended; comes back");
                let counted = std::mem::take(&mut node.report);
                for (topic, report) in counted.topics {
                    node.earlier.topics.entry(topic).or_default().add(&report);
                }
                node.restarts += 1;
                node.down_since.get_or_insert_with(Instant::now);
                node.state = State::Resting(Instant::now() + pause);
            }
            None if failed => {
                tracing::error!(node = node.plan.name, how, "failed");
                node.state = State::Failed;
            }
            None => node.state = State::Done,
        }
    }

    fn settle(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while let Ok(event) = self.events.recv_deadline(deadline) {
            self.take(event);
        }
    }

    /// Waits until the recorders have received what was written at their sites.
    fn await_balance(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        while !self.received_all() {
            let nap = deadline.min(Instant::now() + Duration::from_millis(50));
            if Instant::now() >= deadline {
                return;
            }
            if let Ok(event) = self.events.recv_deadline(nap)
                && self.take(event)
            {
                return;
            }
        }
    }

    fn received_all(&self) -> bool {
        self.nodes.iter().filter(|n| n.plan.phase == Phase::Recorder && n.alive()).all(|recorder| {
            // After a restart the gap never closes: there is nothing to wait for.
            recorder.restarts > 0
                || recorder.topics().all(|topic| {
                    recorder.topic(topic).received >= self.written(&recorder.plan.site, topic)
                })
        })
    }

    /// Tells the nodes of a phase to stop.
    fn tell(&mut self, phase: Phase) {
        for node in self.nodes.iter_mut().filter(|n| n.plan.phase == phase) {
            match node.state {
                State::Starting | State::Ready => {
                    node.state = State::Stopping;
                    node.told = Instant::now();
                    let told =
                        node.stream.as_ref().map(|s| control::send(s, &ToNode::Stop(How::Drain)));
                    if !matches!(told, Some(Ok(()))) {
                        signal(node.running(), Signal::TERM);
                    }
                }
                State::Waiting | State::Resting(_) => node.state = State::Done,
                _ => {}
            }
        }
    }

    /// Waits until the nodes of a phase have ended; kills what does not. Returns whether all ended
    /// by themselves.
    fn await_end(&mut self, phase: Phase) -> bool {
        let mut clean = true;
        loop {
            let left = self.nodes.iter().filter(|n| n.plan.phase == phase && n.alive());
            let Some(deadline) = left.map(|n| n.told + n.plan.patience).max() else { break };
            match self.events.recv_deadline(deadline) {
                // Asked again: no more patience.
                Ok(event) => {
                    if self.take(event) {
                        clean = false;
                        self.kill(phase);
                    }
                }
                Err(_) => {
                    for node in self.nodes.iter().filter(|n| n.plan.phase == phase && n.alive()) {
                        tracing::error!(node = node.plan.name, "does not stop; killed");
                    }
                    self.kill(phase);
                    self.settle(Duration::from_millis(300));
                    return false;
                }
            }
        }
        clean
    }

    fn kill(&self, phase: Phase) {
        for node in self.nodes.iter().filter(|n| n.plan.phase == phase) {
            signal(node.running(), Signal::KILL);
        }
    }
}

impl Drop for Supervisor {
    /// No node outlives its launcher, whatever ended the launcher's work.
    fn drop(&mut self) {
        for node in &self.nodes {
            signal(node.running(), Signal::KILL);
        }
    }
}

fn signal(pid: Option<u32>, signal: Signal) {
    if let Some(pid) = pid.and_then(|p| i32::try_from(p).ok()).and_then(Pid::from_raw) {
        // It may have ended a moment ago.
        let _ = kill_process(pid, signal);
    }
}

/// The command of a program: ourselves for a built-in node, a wrapper of ours for any other, so
/// that both end with the launcher.
fn command(program: &Program) -> anyhow::Result<Command> {
    let mut command =
        Command::new(std::env::current_exe().context("cannot find the tidewire executable")?);
    command.arg("node").env(BACKEND_VARIABLE, Backend::chosen()?.name());
    match program {
        Program::Builtin(spec) => {
            command.arg("run").arg(serde_json::to_string(spec)?);
        }
        Program::External { argv, cwd } => {
            command.arg("exec").arg("--").args(argv);
            if let Some(cwd) = cwd {
                command.current_dir(cwd);
            }
        }
    }
    Ok(command)
}

/// A short path: a socket's name holds 107 bytes.
fn run_base() -> PathBuf {
    let given = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    given.filter(|dir| dir.is_dir() && writable(dir)).unwrap_or_else(std::env::temp_dir)
}

fn writable(dir: &Path) -> bool {
    rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_ok()
}

fn accept(listener: &UnixListener, events: &Sender<Event>) {
    for stream in listener.incoming().flatten() {
        let events = events.clone();
        let spawned =
            thread::Builder::new().name("control".into()).spawn(move || listen(stream, &events));
        if let Err(error) = spawned {
            tracing::error!(%error, "cannot listen to a node");
        }
    }
}

/// Hears one node out.
fn listen(stream: UnixStream, events: &Sender<Event>) {
    // Nobody listens any more once the launcher is done.
    if let Some((node, pid)) = hear(stream, events) {
        let _ = events.send(Event::Closed { node, pid });
    }
}

/// Passes on what a node says until it is silent; a line that is no message ends the connection.
fn hear(stream: UnixStream, events: &Sender<Event>) -> Option<(String, u32)> {
    let answer = stream.try_clone().ok()?;
    let mut messages = control::messages::<FromNode>(stream);
    let Some(Ok(FromNode::Hello { node, pid })) = messages.next() else {
        tracing::warn!("a process on the control socket did not say hello");
        return None;
    };
    events.send(Event::Connected { node: node.clone(), pid, stream: answer }).ok()?;
    for message in messages {
        match message {
            Ok(message) => events.send(Event::Said { node: node.clone(), pid, message }).ok()?,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
            Err(error) => {
                tracing::warn!(node, %error, "not understood on the control socket");
                break;
            }
        }
    }
    Some((node, pid))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;
    use crate::node::schema;

    #[test]
    fn final_counts_that_arrive_after_the_end_of_a_process_are_kept() {
        let text = "nodes: {pump1: {kind: pump, domain: 9}}";
        let options = tidewire_graph::Options { kinds: &schema::KINDS, ..Default::default() };
        let graph = tidewire_graph::parse("a.yaml", text, &options).unwrap();
        let plan = Plan::new(&graph, "out".as_ref(), &[]);
        let logs = tempfile::tempdir().unwrap();
        let mut supervisor = Supervisor::new(plan, logs.path().to_owned()).unwrap();
        // No process has this number: whatever happens here, nobody is signalled.
        let (node, pid) = (supervisor.nodes[0].plan.name.clone(), u32::MAX);
        supervisor.nodes[0].pid = Some(pid);
        supervisor.nodes[0].state = State::Stopping;
        let (stream, _other) = UnixStream::pair().unwrap();
        let mut report = Report::default();
        let count = control::TopicReport { written: 60_000, ..Default::default() };
        report.topics.insert("vibration".into(), count);
        supervisor.take(Event::Connected { node: node.clone(), pid, stream });
        let status = ExitStatus::from_raw(0);
        supervisor.take(Event::Ended { node: node.clone(), pid, status });
        assert!(supervisor.nodes[0].alive(), "it has not been heard out");
        let message = FromNode::Final(report);
        supervisor.take(Event::Said { node: node.clone(), pid, message });
        supervisor.take(Event::Closed { node, pid });
        let node = &supervisor.nodes[0];
        assert_eq!((node.alive(), node.state, node.reported_final), (false, State::Done, true));
        assert_eq!(node.topic("vibration").written, 60_000);
    }
}
