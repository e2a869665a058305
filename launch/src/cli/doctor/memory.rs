//! Whether processes of this host can share memory.

use std::path::Path;
use std::time::Duration;

use super::{Check, Verdict};
use crate::cli::bus;
use crate::cli::output::bytes;

pub fn space() -> Check {
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
pub fn works() -> Check {
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
        bus::join(domain, "doctor-a", &bus::Network::default(), None)?,
        bus::join(domain, "doctor-b", &bus::Network::default(), None)?,
    );
    let reader = b.reader::<Temperature>(&topic, &Qos::event())?;
    let writer = a.writer::<Temperature>(&topic, &Qos::event())?;
    writer.write(&Temperature { point: "doctor".into(), celsius: 36.6 })?;
    Ok(reader.recv_timeout(Duration::from_secs(5))?.is_some())
}

/// Processes of different users meet over DDS: slower than need be, if nobody meant it.
pub fn one_user() -> Check {
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
