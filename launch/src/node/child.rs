//! A node as a child of `tidewire up`.

use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Signal, set_parent_process_death_signal};

use super::{Counts, Stop, kinds};
use crate::up::control::{self, FromNode, NODE_ENV, SOCKET_ENV, ToNode};
use crate::up::plan::NodeSpec;

/// How often counts go to the launcher.
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// Runs the node of a JSON spec.
pub fn run(spec: &str) -> anyhow::Result<()> {
    // Should the launcher be killed, this process drains and ends like on Ctrl-C.
    set_parent_process_death_signal(Some(Signal::TERM))
        .context("cannot tie this process to the launcher")?;
    let spec: NodeSpec =
        serde_json::from_str(spec).context("the node's specification is not understood")?;
    place(&spec);
    let stop = Stop::on_signals()?;
    let counts = Counts::default();
    let launcher = match std::env::var_os(SOCKET_ENV) {
        Some(path) => Some(
            UnixStream::connect(&path)
                .with_context(|| format!("no launcher at {}", path.display()))?,
        ),
        None => None,
    };
    let Some(launcher) = launcher else {
        return kinds::run(&spec, &stop, &counts);
    };
    let name = std::env::var(NODE_ENV).unwrap_or_else(|_| spec.name.clone());
    control::send(&launcher, &FromNode::Hello { node: name, pid: std::process::id() })?;
    listen(launcher.try_clone()?, stop.clone())?;
    let done = Stop::default();
    let reporter = {
        let (launcher, counts, done) = (launcher.try_clone()?, counts.clone(), done.clone());
        std::thread::Builder::new()
            .name("report".into())
            .spawn(move || report(&launcher, &counts, &done))?
    };
    let outcome = kinds::run(&spec, &stop, &counts);
    done.set();
    // The reporter ends on `done`; its panic would not change what the node did.
    let _ = reporter.join();
    // A launcher that is gone needs no report.
    let _ = control::send(&launcher, &FromNode::Final(counts.get()));
    outcome
}

/// Becomes another program that ends with the launcher.
pub fn exec(program: &[String]) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))
        .context("cannot tie this process to the launcher")?;
    let (program, args) = program.split_first().context("no program given")?;
    let error = Command::new(program).args(args).exec();
    Err(error).with_context(|| format!("cannot run {program}"))
}

/// Stops the node when the launcher says so, or is gone.
fn listen(launcher: UnixStream, stop: Stop) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("control".into())
        .spawn(move || {
            // Any message is a stop today; an unknown one from a newer launcher most likely too.
            let _ = control::messages::<ToNode>(launcher).next();
            stop.set();
        })
        .map(drop)
}

fn report(launcher: &UnixStream, counts: &Counts, done: &Stop) {
    let mut ready = false;
    loop {
        let report = counts.get();
        if report.ready && !ready {
            ready = true;
            if control::send(launcher, &FromNode::Ready(true)).is_err() {
                return;
            }
        }
        if control::send(launcher, &FromNode::Stats(report)).is_err() {
            return;
        }
        let begun = std::time::Instant::now();
        // Short naps until ready: others wait for it.
        let pause = if ready { REPORT_EVERY } else { REPORT_EVERY / 10 };
        done.wait_or(|| begun.elapsed() >= pause);
        if done.is_set() {
            return;
        }
    }
}

/// CPUs and priority; what the system refuses is told and the node runs all the same.
fn place(spec: &NodeSpec) {
    if !spec.cpus.is_empty() {
        let mut set = rustix::thread::CpuSet::new();
        for cpu in &spec.cpus {
            set.set(*cpu);
        }
        if let Err(error) = rustix::thread::sched_setaffinity(None, &set) {
            tracing::warn!(cpus = ?spec.cpus, %error, "cannot pin the node");
        }
    }
    if spec.nice != 0
        && let Err(error) = rustix::process::setpriority_process(None, i32::from(spec.nice))
    {
        tracing::warn!(nice = spec.nice, %error, "cannot set the priority (a negative one needs CAP_SYS_NICE)");
    }
}
