//! What else a graph needs of the machine.

use std::path::Path;

use super::{Check, Verdict};
use crate::cli::output::bytes;

pub fn open_files() -> Check {
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

pub fn disk(dir: &Path) -> Check {
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

pub fn clock() -> Check {
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

pub fn viewer() -> Check {
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
