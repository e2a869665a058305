use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{Child, PATIENCE, interop};

/// A network namespace of its own, such as another host has; gone when dropped, or killed with us.
pub struct Namespace {
    /// Lives in it, so that it lives.
    _holder: Mutex<Child>,
    pid: i32,
    file: File,
}

impl Namespace {
    /// `None`, with the reason printed, where that is not permitted.
    ///
    /// # Panics
    /// `unshare` and `ip` are not installed.
    pub fn new() -> Option<Self> {
        let own = std::fs::read_link("/proc/self/ns/net").expect("Linux has namespaces");
        let mut holder = Child::spawn(Command::new("unshare").args(["--net", "cat"]));
        let path = format!("/proc/{}/ns/net", holder.pid());
        let deadline = Instant::now() + PATIENCE;
        while std::fs::read_link(&path).is_ok_and(|theirs| theirs == own) {
            if holder.ended() || Instant::now() > deadline {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        if holder.ended() {
            eprintln!("skipped: network namespaces are not permitted here (it takes root)");
            return None;
        }
        let file = File::open(&path).expect("the holder lives");
        let pid = holder.pid();
        let namespace = Self { _holder: Mutex::new(holder), pid, file };
        namespace.ip("link set lo up");
        Some(namespace)
    }

    /// Runs `work` on a thread inside; sockets and threads it makes stay inside, and addresses it asks
    /// for are those inside.
    ///
    /// # Panics
    /// `work` does.
    pub fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        let file = &self.file;
        let inside = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(std::os::fd::AsFd::as_fd(file), kind)
                .expect("root may enter a namespace");
            work()
        };
        std::thread::scope(|scope| match scope.spawn(inside).join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// A program inside.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.pid)).arg(program);
        command
    }

    fn ip(&self, words: &str) {
        run(self.command("ip").args(words.split(' ')));
    }

    /// Gives the interface an address and everything else to it.
    fn address(&self, interface: &str, address: &str) {
        self.ip(&format!("addr add {address}/24 dev {interface}"));
        self.ip(&format!("link set {interface} up multicast on"));
        self.ip(&format!("route add default dev {interface}"));
    }

    /// The kernel says some time after the cable that an interface is up, and participants that start
    /// before do not announce its address.
    fn wait_for_carrier(&self, interface: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.command("ip").args(["-o", "link", "show", interface]).output();
            let shown = shown.expect("ip runs").stdout;
            let shown = String::from_utf8_lossy(&shown).into_owned();
            if shown.contains("LOWER_UP") && !shown.contains("DOWN ") {
                return;
            }
            assert!(Instant::now() < deadline, "no carrier: {shown}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What happens to frames on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weather {
    /// Percent that never arrive.
    pub loss: f64,
    /// Milliseconds each needs.
    pub delay: f64,
    /// Percent that come 10 ms late, after others.
    pub reorder: f64,
    /// Percent of multicast frames that never arrive: many networks carry none.
    pub multicast_loss: f64,
}

/// Where [`TwoHosts`] are.
pub const HOSTS: [&str; 2] = ["10.78.0.1", "10.78.0.2"];

/// Two hosts, `10.78.0.1` and `10.78.0.2`, and the cable between them.
pub struct TwoHosts {
    /// One.
    pub left: Namespace,
    /// The other.
    pub right: Namespace,
    /// Emulates the cable, if it is a bad one.
    link: Option<Child>,
}

impl TwoHosts {
    /// Joined by a veth pair in good weather, else by `tests/interop/native/link.c`, which does what
    /// netem does without a kernel module. `None`, with the reason printed, where that is not permitted.
    ///
    /// # Panics
    /// `ip` fails.
    pub fn joined(weather: Weather) -> Option<Self> {
        let (left, right) = (Namespace::new()?, Namespace::new()?);
        if weather == Weather::default() {
            let peer = format!("link add lan type veth peer name lan netns {}", right.pid);
            left.ip(&peer);
            left.address("lan", HOSTS[0]);
            right.address("lan", HOSTS[1]);
            left.wait_for_carrier("lan");
            right.wait_for_carrier("lan");
            return Some(Self { left, right, link: None });
        }
        if !std::path::Path::new("/dev/net/tun").exists() {
            eprintln!("skipped: /dev/net/tun is missing here, so no cable can be emulated");
            return None;
        }
        // Made here and moved, so the names must be nobody else's.
        let names = [left.pid, right.pid].map(|pid| format!("tw{pid}"));
        let link = Child::spawn(
            Command::new(program())
                .args(&names)
                .args(
                    [weather.loss, weather.delay, weather.reorder, weather.multicast_loss]
                        .map(|part| part.to_string()),
                )
                .arg("1"),
        );
        link.event("ready", PATIENCE);
        for (name, (host, address)) in names.iter().zip([(&left, HOSTS[0]), (&right, HOSTS[1])]) {
            let pid = host.pid.to_string();
            run(Command::new("ip").args(["link", "set", name, "netns", &pid]));
            host.address(name, address);
            host.wait_for_carrier(name);
        }
        Some(Self { left, right, link: Some(link) })
    }

    /// Frames that were lost and that came late; zero of a good cable.
    ///
    /// # Panics
    /// The emulation failed.
    pub fn part(mut self) -> (u64, u64) {
        let Some(mut link) = self.link.take() else { return (0, 0) };
        drop(link.close_stdin());
        let done = link.event("done", PATIENCE);
        let number = |name: &str| done[name].as_u64().unwrap_or_default();
        (number("lost"), number("reordered"))
    }
}

fn program() -> PathBuf {
    interop::compile_c("link")
}
