//! For tests and benchmarks: two hosts in one process, threads with a network namespace of their own
//! that a veth pair joins.
//!
//! ```no_run
//! use std::net::UdpSocket;
//! use tidewire_ingress::{testing::Pair, udp::{self, UdpOptions}};
//!
//! let pair = Pair::new()?; // takes root, and the program `ip`
//! let mut receiver =
//!     pair.here.run(|| udp::open(&UdpOptions::at("10.9.0.1:7500".parse().unwrap())).unwrap());
//! let sender = pair.there.run(|| UdpSocket::bind("10.9.0.2:0").unwrap());
//! sender.send_to(b"hello", "10.9.0.1:7500").unwrap();
//! receiver.receive(std::time::Duration::from_secs(1), |datagram| println!("{datagram:?}")).unwrap();
//! # Ok::<(), String>(())
//! ```

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};

type Job = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own.
pub struct Host {
    jobs: Sender<Job>,
    namespace: PathBuf,
}

impl Host {
    fn new() -> Result<Self, String> {
        let (jobs, work) = channel::<Job>();
        let (up, made) = channel();
        std::thread::spawn(move || {
            // SAFETY: it concerns this thread only, which was made for it, and its network alone.
            let result = unsafe { libc::unshare(libc::CLONE_NEWNET) };
            let error = std::io::Error::last_os_error();
            let thread = rustix::thread::gettid().as_raw_nonzero();
            let namespace = format!("/proc/{}/task/{thread}/ns/net", std::process::id());
            // Whoever made us waits for this.
            let _ = up.send(if result == 0 { Ok(PathBuf::from(namespace)) } else { Err(error) });
            work.iter().for_each(|job| job());
        });
        let namespace = made.recv().map_err(|_| "a thread ended early".to_owned())?;
        let namespace =
            namespace.map_err(|e| format!("no network namespace ({e}); it takes root"))?;
        Ok(Self { jobs, namespace })
    }

    /// Runs `job` in the namespace; sockets and threads it makes stay there.
    ///
    /// # Panics
    /// The job panics.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = channel();
        let job = Box::new(move || drop(done.send(job())));
        // A thread that is gone drops the job, and with it `done`.
        drop(self.jobs.send(job));
        result.recv().expect("the job did not panic")
    }

    /// Runs `program` with `args`, split at spaces; what it says on standard error if it fails.
    pub fn command(&self, program: &str, args: &str) -> Result<(), String> {
        let line = format!("{program} {args}");
        let mut command = Command::new(program);
        command.args(args.split(' '));
        let output =
            self.run(move || command.output()).map_err(|error| format!("{line}: {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    }
}

/// Two hosts on a link: `here` is 10.9.0.1, `va`, `there` 10.9.0.2, `vb`.
pub struct Pair {
    /// The receiving end.
    pub here: Host,
    /// The sending end.
    pub there: Host,
}

impl Pair {
    /// MAC address of `here`.
    pub const MAC_HERE: [u8; 6] = [2, 0, 0, 0, 0, 1];
    /// MAC address of `there`.
    pub const MAC_THERE: [u8; 6] = [2, 0, 0, 0, 0, 2];

    /// Makes both; they are gone with the process, or when dropped and their sockets are closed.
    ///
    /// # Errors
    /// Namespaces are not permitted, or `ip` (package iproute2) is missing: which, in words.
    pub fn new() -> Result<Self, String> {
        let pair = Self { here: Host::new()?, there: Host::new()? };
        let (here, there) = (&pair.here, &pair.there);
        let ip = |host: &Host, args: &str| host.command("ip", args);
        ip(here, "link set lo up")?;
        ip(there, "link set lo up")?;
        ip(
            here,
            "link add name va address 02:00:00:00:00:01 type veth peer name vb address 02:00:00:00:00:02",
        )?;
        ip(here, &format!("link set vb netns {}", there.namespace.display()))?;
        for (host, link, address) in [(here, "va", "10.9.0.1/24"), (there, "vb", "10.9.0.2/24")] {
            ip(host, &format!("addr add {address} dev {link}"))?;
            ip(host, &format!("link set {link} up multicast on"))?;
            ip(host, &format!("route add 224.0.0.0/4 dev {link}"))?;
        }
        Ok(pair)
    }
}
