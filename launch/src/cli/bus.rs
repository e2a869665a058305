//! The arguments every bus-facing command takes.

use std::path::PathBuf;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tidewire_bus::Participant;
use tidewire_idl::TypeRegistry;
use tidewire_qos::Profile;

use super::failure::Remedy;

/// Which domain, which types, which QoS.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Bus")]
pub struct Bus {
    /// DDS domain, 0 to 232
    #[arg(long, value_name = "N", default_value_t = 0, env = "TIDEWIRE_DOMAIN", value_parser = clap::value_parser!(u16).range(0..=232))]
    pub domain: u16,

    /// Folder with IDL (*.idl) or ROS 2 (*.msg) types; may be given again
    #[arg(long, value_name = "DIR")]
    pub types: Vec<PathBuf>,

    /// QoS profile from a DDS-XML file, or a shipped one by name
    #[arg(long, value_name = "FILE[::PROFILE]")]
    pub qos: Option<String>,

    #[command(flatten)]
    pub network: Network,

    /// Name of this participant on the bus
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// How a participant finds others.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// Network interface by name or address, may be given again [default: all]
    #[arg(long = "interface", value_name = "NAME")]
    pub interfaces: Vec<String>,

    /// Address of a host to look for participants on instead of by multicast, may be given again;
    /// beyond this host on the Cyclone backend only
    #[arg(long = "peer", value_name = "ADDRESS")]
    pub peers: Vec<String>,
}

impl Bus {
    /// Joins the domain under the given name, or under `default`.
    pub fn participant(&self, default: &str) -> anyhow::Result<Participant> {
        let name = self.name.as_deref().unwrap_or(default);
        join(self.domain, name, &self.network, self.qos.as_deref())
    }

    /// The shipped types and those of `--types`.
    pub fn registry(&self) -> anyhow::Result<TypeRegistry> {
        registry(&self.types)
    }

    /// The profile of `--qos`.
    pub fn profile(&self) -> anyhow::Result<Option<Profile>> {
        profile(self.qos.as_deref())
    }
}

/// Joins a domain over `network`, as the profile of `qos` says.
pub fn join(
    domain: u16,
    name: &str,
    network: &Network,
    qos: Option<&str>,
) -> anyhow::Result<Participant> {
    let builder = Participant::builder().domain(domain).name(name);
    let builder = builder.profile(profile(qos)?).peers(network.peers.clone());
    let interfaces = network.interfaces.iter();
    interfaces
        .fold(builder, |builder, interface| builder.interface(interface.clone()))
        .build()
        .with_context(|| format!("cannot join domain {domain} as `{name}`"))
        .remedy("run `tidewire doctor`: it checks multicast, socket buffers and shared memory")
}

/// The shipped types and those in `dirs`.
pub fn registry(dirs: &[PathBuf]) -> anyhow::Result<TypeRegistry> {
    let mut registry = tidewire_types::registry();
    for dir in dirs {
        let added = if dir.is_dir() { registry.add_dir(dir) } else { registry.add_file(dir) };
        added.with_context(|| format!("cannot use the types in {}", dir.display()))?;
    }
    Ok(registry)
}

/// The profile `spec` names, if any.
pub fn profile(spec: Option<&str>) -> anyhow::Result<Option<Profile>> {
    spec.map(|spec| tidewire_qos::load(spec).with_context(|| format!("cannot use QoS `{spec}`")))
        .transpose()
}
