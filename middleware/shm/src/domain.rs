//! One participant's membership in a domain's shared memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use iceoryx2::config::Config;
use tidewire_idl::Guid;
use tidewire_qos::{Mismatch, Qos};
use tidewire_transport::{EndpointSpec, Prefix};

use crate::control::Control;
use crate::deaths::Deaths;
use crate::error::ShmError;
use crate::janitor::{self, Bell, Janitor};
use crate::linger::Lingering;
use crate::options::ShmOptions;
use crate::presence::{EndpointKind, Names, OwnPresence, Peer, Peers};
use crate::pulse::WriterStrengths;
use crate::reader::ShmReader;
use crate::routes::{endpoints, read_both};
use crate::service::{self, IpcNode};
use crate::writer::ShmWriter;

/// A participant on this host's shared memory. Cheap to clone; the participant leaves when the last
/// clone, writer, reader and sample of it is gone.
///
/// ```
/// use tidewire_shm::{ShmDomain, ShmOptions};
///
/// # let root = tempfile::tempdir().unwrap();
/// # let options = ShmOptions { root: Some(root.path().join("shm")), ..ShmOptions::default() };
/// let pump = ShmDomain::join(7, [1; 12], "plant/pump1", &options)?;
/// let arm = ShmDomain::join(7, [2; 12], "plant/arm", &options)?;
/// assert!(pump.is_local(&[2; 12]));
/// assert_eq!(pump.name_of(&[2; 12]).as_deref(), Some("plant/arm"));
/// assert!(!pump.is_local(&[3; 12]));
/// # drop((pump, arm));
/// # assert!(!root.path().join("shm").exists());
/// # Ok::<(), tidewire_shm::ShmError>(())
/// ```
#[derive(Clone)]
pub struct ShmDomain {
    shared: Arc<Shared>,
}

/// What a domain's endpoints and samples keep alive. Fields drop in this order: ports are gone by
/// then, so iceoryx2's node closes, then the presence disappears, then the domain is left.
pub(crate) struct Shared {
    janitor: Janitor,
    pub(crate) lingering: Lingering,
    deaths: Deaths,
    pub(crate) node: IpcNode,
    pub(crate) own: OwnPresence,
    pub(crate) peers: Arc<Peers>,
    pub(crate) control: Arc<Control>,
    pub(crate) options: ShmOptions,
}

/// A participant on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalParticipant {
    /// Its GUID prefix.
    pub prefix: Prefix,
    /// Its process.
    pub pid: u32,
    /// Its name, for example `plant/pump1`.
    pub name: Arc<str>,
}

/// A reader or writer of a participant on this host.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalEndpoint {
    /// Its DDS GUID.
    pub guid: Guid,
    /// Whether it writes.
    pub writer: bool,
    /// Topic name.
    pub topic: String,
    /// Type name.
    pub type_name: String,
    /// The policies that are matched, and the octets it announces; all others have their defaults.
    pub qos: Qos,
}

impl ShmDomain {
    /// Joins `domain` as the participant `prefix`, known to others on this host as `name` (at most
    /// 256 bytes). Do this before the participant appears on DDS, so that no reader takes it for a
    /// remote one.
    ///
    /// # Errors
    /// [`ShmError::Permission`] if the place belongs to another user, [`ShmError::AlreadyJoined`] if
    /// the prefix is in use, [`ShmError::Version`] if another version of Tidewire is in the domain.
    pub fn join(
        domain: u16,
        prefix: Prefix,
        name: &str,
        options: &ShmOptions,
    ) -> Result<Self, ShmError> {
        let control = Arc::new(Control::join(&options.root(), domain)?);
        let own = OwnPresence::create(control.dir(), prefix, name)?;
        let config: Config = service::config(&control)?;
        let peers = Arc::new(Peers::new(control.dir(), control.clone(), &own));
        let deaths = Deaths::default();
        deaths.tell(control.take_dead());
        if let Some(dead) = peers.reap() {
            janitor::clean_nodes(&config);
            deaths.tell(dead);
        }
        let node = service::node(&config, control.dir(), name)?;
        control.bump();
        let lingering = Lingering::default();
        let period = options.janitor_period;
        let janitor =
            Janitor::start(peers.clone(), lingering.clone(), deaths.clone(), config, period)?;
        let options = options.clone();
        let shared = Shared { janitor, lingering, deaths, node, own, peers, control, options };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Whether the participant is on this host, or was before it left: its samples come, or came, by
    /// shared memory. True for ourselves.
    pub fn is_local(&self, prefix: &Prefix) -> bool {
        self.shared.peers.is_known(prefix)
    }

    /// Name of a participant that is, or was, on this host.
    pub fn name_of(&self, prefix: &Prefix) -> Option<Arc<str>> {
        self.shared.peers.name_of(prefix)
    }

    /// The participants on this host now, ourselves included, in order of their prefixes.
    pub fn locals(&self) -> Vec<LocalParticipant> {
        let mut locals: Vec<_> = self
            .shared
            .peers
            .present()
            .iter()
            .map(|p| LocalParticipant { prefix: p.prefix(), pid: p.pid(), name: p.name().clone() })
            .collect();
        locals.sort_by_key(|p| p.prefix);
        locals
    }

    /// The readers and writers of every participant on this host, ourselves included.
    pub fn endpoints(&self) -> Vec<LocalEndpoint> {
        let present = self.shared.peers.present();
        let of = |peer: &Arc<Peer>| {
            let prefix = peer.prefix();
            let endpoints = peer.endpoints().map(move |(kind, names, terms)| {
                let Names { topic, type_name } = names;
                let (guid, writer) = (terms.guid(prefix), kind == EndpointKind::Writer);
                LocalEndpoint { guid, writer, topic, type_name, qos: terms.qos }
            });
            endpoints.collect::<Vec<_>>()
        };
        present.iter().flat_map(of).collect()
    }

    /// Says that the participant's threads run, at [`pulse_now`](crate::pulse_now): AUTOMATIC liveliness
    /// (DDS 1.4, 2.2.3.11).
    pub fn beat(&self, now: u64) {
        self.shared.own.peer().pulse().automatic.store(now, Ordering::Relaxed);
    }

    /// Says that the application is alive, at [`pulse_now`](crate::pulse_now): MANUAL_BY_PARTICIPANT.
    pub fn assert_alive(&self, now: u64) {
        self.shared.own.peer().pulse().manual.store(now, Ordering::Relaxed);
    }

    /// Calls `observer` with each killed participant whose files this one removes, on the janitor's
    /// thread: those elsewhere know nothing of its death.
    pub fn observe_deaths(&self, observer: impl Fn(&Prefix) + Send + 'static) {
        self.shared.deaths.observe(Box::new(observer));
    }

    /// Makes the shared-memory side of a writer. `guid` is the writer's DDS GUID.
    ///
    /// # Errors
    /// [`ShmError::Limit`] if the participant has too many endpoints.
    pub fn writer(&self, spec: &EndpointSpec, guid: Guid) -> Result<ShmWriter, ShmError> {
        ShmWriter::new(self.shared.clone(), spec, guid)
    }

    /// Makes the shared-memory side of a reader. Samples sent from now on reach it.
    ///
    /// # Errors
    /// [`ShmError::Incompatible`], [`ShmError::Limit`], [`ShmError::Permission`] or
    /// [`ShmError::Backend`] if the topic's service cannot be opened.
    pub fn reader(&self, spec: &EndpointSpec, guid: Guid) -> Result<ShmReader, ShmError> {
        ShmReader::new(self.shared.clone(), spec, guid)
    }

    /// How strong the writers on this host are of the topic that the reader `spec` is on.
    pub fn strengths(&self, spec: &EndpointSpec) -> WriterStrengths {
        WriterStrengths::new(self.shared.peers.clone(), service::topic_hash(spec))
    }

    /// Changes whenever a participant or endpoint of the domain comes or goes on this host.
    pub fn generation(&self) -> u64 {
        self.shared.control.generation()
    }

    /// The writers on this host of the topic that the reader `spec` is on, each with the policies that
    /// keep it from matching: none if they match.
    pub fn writers_of(&self, spec: &EndpointSpec) -> Vec<(Guid, Vec<Mismatch>)> {
        let mut requested = spec.qos.clone();
        read_both(&mut requested);
        self.neighbours(spec, true, |offered| tidewire_qos::check(offered, &requested))
    }

    /// The readers on this host of the topic that the writer `spec` is on, as
    /// [`writers_of`](Self::writers_of).
    pub fn readers_of(&self, spec: &EndpointSpec) -> Vec<(Guid, Vec<Mismatch>)> {
        self.neighbours(spec, false, |requested| tidewire_qos::check(&spec.qos, requested))
    }

    fn neighbours(
        &self,
        spec: &EndpointSpec,
        writers: bool,
        misfits: impl Fn(&Qos) -> Vec<Mismatch>,
    ) -> Vec<(Guid, Vec<Mismatch>)> {
        endpoints(&self.shared.peers, service::topic_hash(spec), writers)
            .map(|(peer, _, terms)| (terms.guid(peer.prefix()), misfits(&terms.qos)))
            .collect()
    }

    pub(crate) fn node(&self) -> &IpcNode {
        &self.shared.node
    }

    pub(crate) fn iceoryx_prefix(&self) -> &str {
        self.shared.control.iceoryx_prefix()
    }

    /// Counts wake-ups of this participant; wraps. Read it, take from all readers, then
    /// [`wait`](Self::wait) for it to change: nothing is missed in between.
    pub fn epoch(&self) -> u32 {
        self.shared.own.wake().epoch()
    }

    /// Waits until a sample came for any reader of this participant, or [`wake_self`](Self::wake_self)
    /// was called, since the epoch was `seen_epoch`; false when `timeout` passed first.
    pub fn wait(&self, seen_epoch: u32, timeout: Duration) -> bool {
        self.shared.own.wake().wait(seen_epoch, timeout)
    }

    /// Wakes whoever waits on this participant: other transports' threads call it when they have
    /// something.
    pub fn wake_self(&self) {
        self.shared.own.wake().wake();
    }
}

impl std::fmt::Debug for ShmDomain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShmDomain")
            .field("dir", &self.shared.control.dir())
            .field("name", self.shared.own.peer().name())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn bell(&self) -> Bell {
        self.janitor.bell()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.lingering.finish(self.options.linger);
        // Before the fields go: others stop counting on us while our words are still mapped.
        self.own.vanish();
        self.control.bump();
    }
}
