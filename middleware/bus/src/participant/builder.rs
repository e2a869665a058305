//! How a participant is set up.

use std::net::IpAddr;
use std::sync::Arc;

use tidewire_qos::{Profile, Security};
use tidewire_shm::{ShmDomain, ShmOptions};
use tidewire_transport::dds::DdsOptions;

use super::core::Core;
use super::{Participant, interfaces, obituary};
use crate::backend::{Backend, DdsParticipant};
use crate::error::BusError;
use crate::support;

/// Which ways samples may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transports {
    /// Between hosts, and to programs that are not Tidewire.
    pub dds: bool,
    /// Between processes of this host.
    pub shm: bool,
}

impl Default for Transports {
    fn default() -> Self {
        Self { dds: true, shm: true }
    }
}

/// Set-up of a [`Participant`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    domain: u16,
    name: Option<String>,
    transports: Option<Transports>,
    backend: Option<Backend>,
    interfaces: Vec<String>,
    peers: Vec<String>,
    security: Option<Security>,
    profile: Option<Profile>,
    shm: ShmOptions,
}

impl Builder {
    /// The DDS domain, 0 to 232.
    pub fn domain(mut self, domain: u16) -> Self {
        self.domain = domain;
        self
    }

    /// The participant's name, for example `plant/pump1`. Default: program name and process id.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Which transports to use. Default: both; under DDS Security, DDS alone.
    pub fn transports(mut self, transports: Transports) -> Self {
        self.transports = Some(transports);
        self
    }

    /// Which DDS to use. Default: what [`Backend::chosen`] says, RustDDS unless somebody chose.
    pub fn dds(mut self, backend: Backend) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Announce and multicast only on this interface: its name (`eth0`, `lo`) or its address. May be
    /// called more than once. Default: all.
    pub fn interface(mut self, interface: impl Into<Option<String>>) -> Self {
        self.interfaces.extend(interface.into());
        self
    }

    /// Keep DDS on this host: loopback only.
    pub fn loopback_only(self) -> Self {
        self.interface("127.0.0.1".to_owned())
    }

    /// Unicast discovery peers by address; multicast is off then. The RustDDS backend has none beyond
    /// this host and refuses others.
    pub fn peers(mut self, peers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.peers.extend(peers.into_iter().map(Into::into));
        self
    }

    /// Joins under DDS Security: samples go to and come from those alone who can prove who they are and
    /// what they may do. The Cyclone backend has it; RustDDS refuses. Shared memory knows nothing of
    /// certificates, so that it is left out, and refused where it was asked for.
    pub fn security(mut self, security: impl Into<Option<Security>>) -> Self {
        self.security = security.into();
        self
    }

    /// What a profile says of the participant itself: DDS Security, if it has the properties. What
    /// [`security`](Self::security) was given goes before it. Other policies are refused.
    pub fn profile(mut self, profile: impl Into<Option<Profile>>) -> Self {
        self.profile = profile.into();
        self
    }

    /// Where and how shared memory is set up.
    pub fn shm_options(mut self, options: ShmOptions) -> Self {
        self.shm = options;
        self
    }

    /// Joins the domain.
    ///
    /// # Errors
    /// [`BusError::Dds`] if the ports of the domain cannot be used, or DDS Security keeps the participant
    /// out: it never joins without. If shared memory fails while DDS runs, a warning is logged and DDS
    /// carries everything.
    pub fn build(self) -> Result<Participant, BusError> {
        let name: Arc<str> = self.name.unwrap_or_else(default_name).into();
        if let Some(profile) = &self.profile {
            support::check_participant(&name, &profile.participant_qos())?;
        }
        let security = match (self.security, &self.profile) {
            (None, Some(profile)) => profile.security()?,
            (security, _) => security,
        };
        let usual = Transports { dds: true, shm: security.is_none() };
        let transports = self.transports.unwrap_or(usual);
        if !transports.dds && !transports.shm {
            return Err(BusError::NoTransport(name.to_string()));
        }
        if security.is_some() && transports.shm {
            return Err(BusError::SecureShm(name.to_string()));
        }
        let mut chosen = Vec::new();
        let dds = if transports.dds {
            let backend = self.backend.map_or_else(Backend::chosen, Ok)?;
            let mut options = DdsOptions::new(self.domain, &*name);
            options.security = security;
            for interface in &self.interfaces {
                options.interfaces.extend(interfaces::resolve(interface)?);
            }
            for peer in &self.peers {
                let address: IpAddr = peer.parse().map_err(|_| BusError::Peer(peer.clone()))?;
                if !address.is_loopback() || backend == Backend::Cyclone {
                    options.peers.push(address);
                }
            }
            chosen.clone_from(&options.interfaces);
            Some(DdsParticipant::start(backend, options)?)
        } else {
            None
        };
        let prefix = match &dds {
            Some(dds) => dds.prefix(),
            None => random_prefix(),
        };
        let shm = if transports.shm {
            match ShmDomain::join(self.domain, prefix, &name, &self.shm) {
                Ok(shm) => {
                    if dds.is_some() {
                        let domain = self.domain;
                        shm.observe_deaths(move |dead| obituary::send(domain, &chosen, dead));
                    }
                    Some(shm)
                }
                Err(error) if dds.is_some() => {
                    tracing::warn!(
                        participant = &*name, %error,
                        "shared memory does not start here: DDS carries everything"
                    );
                    None
                }
                Err(error) => return Err(error.into()),
            }
        } else {
            None
        };
        Ok(Participant::new(Core::start(name, self.domain, prefix, dds, shm)))
    }
}

fn default_name() -> String {
    let program = std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "tidewire".to_owned());
    format!("{program}-{}", std::process::id())
}

/// Unique enough on one host: no DDS is there to give one.
fn random_prefix() -> [u8; 12] {
    use std::hash::{BuildHasher, RandomState};
    let mut prefix = [0; 12];
    prefix[..4].copy_from_slice(b"TIDE");
    // Each RandomState has keys of its own, seeded by the operating system.
    prefix[4..].copy_from_slice(&RandomState::new().hash_one(std::process::id()).to_ne_bytes());
    prefix
}
