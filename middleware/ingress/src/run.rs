use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidewire_bus::Participant;
use tidewire_idl::TypeRegistry;
use tidewire_qos::Profile;

use crate::frame::Frame;
use crate::intake::Intake;
use crate::line::LineMap;
use crate::outlets::Outlets;
use crate::udp::{self, UdpOptions};
use crate::unix::{self, Listener};
use crate::{Endpoint, IngressError, IngressOptions, IngressStats, Transport};

/// How long the last samples may take to readers on other hosts.
const FINISH: Duration = Duration::from_secs(1);

/// Listens until `stop` is set; what has arrived by then is still written. `types` are those whose
/// payloads are checked and whose keys are read; `profile` sets the writers' QoS, which is RELIABLE
/// without one.
///
/// # Errors
/// Options that make no sense, or an endpoint that cannot be opened. What clients do wrong is told to
/// them and counted.
pub fn run(
    participant: &Participant,
    options: &IngressOptions,
    types: &TypeRegistry,
    profile: Option<&Profile>,
    stop: &AtomicBool,
    stats: &IngressStats,
) -> Result<(), IngressError> {
    options.check()?;
    let outlets = Outlets::new(participant, types, profile, options, stats);
    let write = |frame: &Frame<'_>| outlets.write(frame);
    let intake = Intake { write: &write, lines: LineMap::new(options, types)? };
    let mut unix = Vec::new();
    let mut udp = Vec::new();
    for endpoint in options.endpoints()? {
        let format = endpoint.format;
        let (path, packets) = match &endpoint.transport {
            Transport::Unix(path) => (path, false),
            Transport::UnixPacket(path) => (path, true),
            Transport::Udp(address) => {
                let receiver = udp::open(&UdpOptions::new(*address, options))?;
                // Port 0 has become a real one.
                let endpoint = Endpoint { format, transport: Transport::Udp(receiver.address()) };
                let counts = stats.endpoint(endpoint.to_string());
                counts.set_rung(receiver.description());
                tracing::info!(%endpoint, "receives by {}", receiver.description());
                udp.push((receiver, format, counts));
                continue;
            }
        };
        let listener = Listener::open(path, packets, options)?;
        unix.push((listener, format, stats.endpoint(endpoint.to_string())));
    }
    let sources = options.networks()?;
    let failed = AtomicBool::new(false);
    let stopped = || stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
    let result = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        let (intake, stopped, failed, sources) = (&intake, &stopped, &failed, &sources);
        for (listener, format, counts) in unix {
            threads.push(scope.spawn(move || {
                let result = unix::serve(&listener, format, options, intake, &counts, stopped);
                failed.fetch_or(result.is_err(), Ordering::Relaxed);
                result
            }));
        }
        for (mut receiver, format, counts) in udp {
            threads.push(scope.spawn(move || {
                let job = udp::Job { format, options, sources, intake, stats: &counts };
                let result = job.run(&mut receiver, stopped);
                failed.fetch_or(result.is_err(), Ordering::Relaxed);
                result
            }));
        }
        stats.set_ready();
        let mut result = Ok(());
        for thread in threads {
            match thread.join() {
                Ok(ended) => result = result.and(ended),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        result
    });
    outlets.finish(FINISH);
    result
}

/// For tests and examples: an ingress on a thread, stopped when dropped.
///
/// ```
/// use std::io::Write;
/// use tidewire_bus::{Participant, testing::free_domain};
/// use tidewire_ingress::{IngressOptions, Running};
/// use tidewire_qos::Qos;
///
/// let dir = tempfile::tempdir()?;
/// let socket = dir.path().join("lines.sock");
/// let bus = Participant::builder().domain(free_domain()).build()?;
/// let options = IngressOptions {
///     listen: vec![format!("line+unix://{}", socket.display())],
///     ..IngressOptions::default()
/// };
/// let ingress = Running::start(&bus, options)?;
/// let reader = bus.reader::<tidewire_types::line::Field>("cpu", &Qos::reliable())?;
/// let mut client = std::os::unix::net::UnixStream::connect(&socket)?;
/// let sample = loop {
///     // The topic is made by its first sample, so that one may come before the reader matches.
///     client.write_all(b"cpu,host=a idle=97.5\n")?;
///     if let Some(sample) = reader.recv_timeout(std::time::Duration::from_millis(100))? {
///         break sample;
///     }
/// };
/// assert_eq!((sample.data.tags.as_str(), sample.data.number), ("host=a", 97.5));
/// drop(ingress);
/// assert!(!socket.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Running {
    stop: Arc<AtomicBool>,
    stats: Arc<IngressStats>,
    thread: Option<std::thread::JoinHandle<Result<(), IngressError>>>,
}

impl Running {
    /// Starts with the shipped types and returns once every endpoint listens.
    ///
    /// # Errors
    /// As [`run`].
    pub fn start(participant: &Participant, options: IngressOptions) -> Result<Self, IngressError> {
        Self::with(participant, options, tidewire_types::registry(), None)
    }

    /// The same with types and QoS.
    ///
    /// # Errors
    /// As [`run`].
    pub fn with(
        participant: &Participant,
        options: IngressOptions,
        types: TypeRegistry,
        profile: Option<Profile>,
    ) -> Result<Self, IngressError> {
        let (stop, stats) = (Arc::new(AtomicBool::new(false)), Arc::new(IngressStats::default()));
        let thread = std::thread::spawn({
            let (participant, stop, stats) = (participant.clone(), stop.clone(), stats.clone());
            move || run(&participant, &options, &types, profile.as_ref(), &stop, &stats)
        });
        let mut running = Self { stop, stats, thread: Some(thread) };
        while !running.stats.is_ready() {
            if running.thread.as_ref().is_some_and(|thread| thread.is_finished()) {
                running.stop()?;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(running)
    }

    /// Its counts.
    pub fn stats(&self) -> &IngressStats {
        &self.stats
    }

    /// Stops it and says how it ended.
    ///
    /// # Errors
    /// As [`run`].
    pub fn stop(&mut self) -> Result<(), IngressError> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(std::thread::JoinHandle::join) {
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            Some(Ok(result)) => result,
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its result was there to be asked for.
            let _ = thread.join();
        }
    }
}
