//! `tidewire doctor`: what works on this machine, and how to mend the rest.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use socket::receive_buffer;

use super::failure::Told;
use super::output::{self, bytes, paint};

/// `tidewire doctor`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tidewire doctor\n\nExit code 1 if anything failed; warnings do not fail."
)]
pub struct Args {
    /// Folder recordings will go to
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: std::path::PathBuf,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    remedy: String,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, found: impl Into<String>, remedy: &str) -> Self {
        let remedy = if verdict == Verdict::Ok { String::new() } else { remedy.to_owned() };
        Self { name, verdict, found: found.into(), remedy }
    }
}

/// Runs all checks.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let checks = [
        multicast(),
        buffers(),
        shared_memory_space(),
        shared_memory_works(),
        one_user(),
        open_files(),
        disk(&args.dir),
        clock(),
        viewer(),
    ];
    let failed = checks.iter().any(|c| c.verdict == Verdict::Fail);
    if json {
        output::json(&checks)?;
    } else {
        for check in &checks {
            let verdict = match check.verdict {
                Verdict::Ok => paint("32", "ok  "),
                Verdict::Warn => paint("33", "warn"),
                Verdict::Fail => paint("31", "FAIL"),
            };
            output::say(&format!("{verdict}  {}: {}", check.name, check.found));
            if !check.remedy.is_empty() {
                output::say(&format!("      {}", check.remedy));
            }
        }
    }
    if failed { Err(Told.into()) } else { Ok(()) }
}

/// The group DDS discovery uses (RTPS 2.5, 9.6.1.4); a port nobody does.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 0, 1);

fn multicast() -> Check {
    let remedy = "discovery between hosts needs multicast: `ip link set <interface> multicast on`, a route \
                  (`ip route add 239.255.0.0/16 dev <interface>`) and a firewall that lets UDP 7400-7500 pass; \
                  nodes on this host find each other all the same";
    match heard_own_multicast() {
        Ok(true) => Check::new("multicast", Verdict::Ok, "a datagram to 239.255.0.1 came back", ""),
        Ok(false) => Check::new(
            "multicast",
            Verdict::Warn,
            "a datagram to 239.255.0.1 did not come back",
            remedy,
        ),
        Err(error) => Check::new("multicast", Verdict::Warn, error.to_string(), remedy),
    }
}

fn heard_own_multicast() -> io::Result<bool> {
    let hear = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    hear.join_multicast_v4(&GROUP, &Ipv4Addr::UNSPECIFIED)?;
    hear.set_read_timeout(Some(Duration::from_millis(500)))?;
    let say = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    say.set_multicast_loop_v4(true)?;
    say.send_to(b"tidewire doctor", SocketAddrV4::new(GROUP, hear.local_addr()?.port()))?;
    let mut heard = [0; 64];
    match hear.recv_from(&mut heard) {
        Ok((length, _)) => Ok(&heard[..length] == b"tidewire doctor"),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

mod socket {
    use super::{Ipv4Addr, UdpSocket, io};

    /// What the kernel grants of a receive buffer of `wanted` bytes.
    pub fn receive_buffer(wanted: usize) -> io::Result<usize> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, wanted)?;
        // The kernel doubles what was asked for, to count its own overhead.
        Ok(rustix::net::sockopt::socket_recv_buffer_size(&socket)? / 2)
    }
}

fn buffers() -> Check {
    const WANTED: usize = 4 << 20;
    let remedy = "bursts between hosts need room: `sysctl -w net.core.rmem_max=8388608` (and into /etc/sysctl.d)";
    match receive_buffer(WANTED) {
        Ok(got) if got >= WANTED => {
            Check::new("socket buffers", Verdict::Ok, format!("{} granted", bytes(got as u64)), "")
        }
        Ok(got) => {
            let found =
                format!("{} granted of {} asked for", bytes(got as u64), bytes(WANTED as u64));
            Check::new("socket buffers", Verdict::Warn, found, remedy)
        }
        Err(error) => Check::new("socket buffers", Verdict::Warn, error.to_string(), remedy),
    }
}

fn shared_memory_space() -> Check {
    let name = "shared memory";
    let remedy = "same-host transport keeps its buffers in /dev/shm: `mount -o remount,size=1G /dev/shm`; in a container \
                  start it with `--shm-size=1g`";
    let path = Path::new("/dev/shm");
    let Ok(stat) = rustix::fs::statvfs(path) else {
        return Check::new(name, Verdict::Fail, "/dev/shm is missing", remedy);
    };
    let free = stat.f_bavail * stat.f_frsize;
    let found = format!("{} free in /dev/shm", bytes(free));
    if rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_err() {
        let remedy = "`chmod 1777 /dev/shm`";
        return Check::new(name, Verdict::Fail, "/dev/shm is not writable for this user", remedy);
    }
    let verdict = match free {
        f if f < 64 << 20 => Verdict::Fail,
        f if f < 512 << 20 => Verdict::Warn,
        _ => Verdict::Ok,
    };
    Check::new(name, verdict, found, remedy)
}

/// Two participants in this process, one sample through shared memory.
fn shared_memory_works() -> Check {
    let name = "bus";
    let remedy =
        "see the reason above; TIDEWIRE_SHM_DIR=DIR puts this user's shared memory elsewhere";
    match round_trip() {
        Ok(true) => Check::new(
            name,
            Verdict::Ok,
            "a sample went from a writer to a reader on this host",
            "",
        ),
        Ok(false) => Check::new(name, Verdict::Fail, "a sample did not arrive within 5 s", remedy),
        Err(error) => Check::new(name, Verdict::Fail, format!("{error:#}"), remedy),
    }
}

fn round_trip() -> anyhow::Result<bool> {
    use tidewire_qos::Qos;
    use tidewire_types::sensor::Temperature;
    // A domain of the highest ids: nobody's plant is there.
    let domain = 230;
    let topic = format!("_tidewire/doctor/{}", std::process::id());
    let (a, b) = (
        super::bus::join(domain, "doctor-a", &super::bus::Network::default(), None)?,
        super::bus::join(domain, "doctor-b", &super::bus::Network::default(), None)?,
    );
    let reader = b.reader::<Temperature>(&topic, &Qos::event())?;
    let writer = a.writer::<Temperature>(&topic, &Qos::event())?;
    writer.write(&Temperature { point: "doctor".into(), celsius: 36.6 })?;
    Ok(reader.recv_timeout(Duration::from_secs(5))?.is_some())
}

/// Processes of different users meet over DDS: slower than need be, if nobody meant it.
fn one_user() -> Check {
    let name = "users";
    let others = tidewire_bus::other_users();
    if others.is_empty() {
        return Check::new(name, Verdict::Ok, "no other user runs Tidewire here", "");
    }
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    Check::new(
        name,
        Verdict::Warn,
        format!("user ids with Tidewire participants here, besides ours: {}", others.join(", ")),
        "memory is shared by processes of one user; with others they exchange samples over DDS: run \
         all as one user (`User=` in services, `--user` of containers) for shared memory",
    )
}

fn open_files() -> Check {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let soft = limit.current.unwrap_or(u64::MAX);
    let remedy = "large graphs open many files: `ulimit -n 65536`, or LimitNOFILE= in the service";
    let verdict = match soft {
        n if n < 256 => Verdict::Fail,
        n if n < 1024 => Verdict::Warn,
        _ => Verdict::Ok,
    };
    let found = if soft == u64::MAX { "no limit".to_owned() } else { format!("{soft} allowed") };
    Check::new("open files", verdict, found, remedy)
}

fn disk(dir: &Path) -> Check {
    let name = "disk";
    let remedy =
        "recording stops before the disk is full: free some space or record elsewhere (`-o DIR`)";
    let Ok(stat) = rustix::fs::statvfs(dir) else {
        return Check::new(
            name,
            Verdict::Fail,
            format!("{} cannot be read", dir.display()),
            "give a folder that exists",
        );
    };
    let free = stat.f_bavail * stat.f_frsize;
    if rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_err() {
        let remedy = "record into a folder of your own (`-o DIR`)";
        return Check::new(
            name,
            Verdict::Warn,
            format!("{} is not writable for this user", dir.display()),
            remedy,
        );
    }
    let verdict = match free {
        f if f < 256 << 20 => Verdict::Fail,
        f if f < 4 << 30 => Verdict::Warn,
        _ => Verdict::Ok,
    };
    Check::new(name, verdict, format!("{} free in {}", bytes(free), dir.display()), remedy)
}

fn clock() -> Check {
    let remedy = "latency between hosts and the order of samples rest on synchronised clocks: run chrony or \
                  systemd-timesyncd";
    let synchronised = Path::new("/run/systemd/timesync/synchronized").exists();
    let chrony = Path::new("/run/chrony").exists() || Path::new("/var/run/chronyd.pid").exists();
    if synchronised || chrony {
        Check::new("clock", Verdict::Ok, "a time service runs", "")
    } else {
        Check::new(
            "clock",
            Verdict::Warn,
            "no time service seen; on one host it does not matter",
            remedy,
        )
    }
}

fn viewer() -> Check {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|dir| dir.join("rerun")).find(|file| file.is_file());
    match found {
        Some(file) => Check::new("viewer", Verdict::Ok, format!("{}", file.display()), ""),
        None => Check::new(
            "viewer",
            Verdict::Ok,
            "no `rerun` in PATH: `tidewire view` serves its own web viewer on loopback",
            "",
        ),
    }
}
