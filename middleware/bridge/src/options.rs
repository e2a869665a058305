use serde::{Deserialize, Serialize};

use crate::BridgeError;
use crate::filter::Filter;
use crate::run::BRIDGE_NAME;

/// How the bridge takes part in the zenoh network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Talks to other bridges directly.
    #[default]
    Peer,
    /// Talks through a router (`zenohd`) only.
    Client,
}

/// Settings of a bridge node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BridgeOptions {
    /// This site's name: part of the zenoh key, unique among the joined sites.
    pub site: String,
    /// DDS domain id, 0 to 232.
    pub domain: u16,
    /// Peer, or client of a router.
    pub mode: Mode,
    /// Endpoints to listen on, e.g. `tcp/0.0.0.0:7447`. Empty: none but zenoh's own for peers.
    pub listen: Vec<String>,
    /// Endpoints of the other sites or of the router. Lost connections are retried for ever.
    pub connect: Vec<String>,
    /// Find other bridges by multicast (zenoh's 224.0.0.224:7446).
    pub scouting: bool,
    /// Topics that cross, in both directions: globs, `*` matches within a name and over `/`.
    pub allow: Vec<String>,
    /// Topics that never cross, though allowed.
    pub deny: Vec<String>,
    /// `FILE[::PROFILE]` or a shipped QoS profile for this side's readers and writers; else what the
    /// topics' writers offer.
    pub qos: Option<String>,
    /// Network interfaces to use in the domain, by name or address; empty: all.
    pub interfaces: Vec<String>,
    /// Addresses of hosts to look for the domain's participants on instead of by multicast.
    pub peers: Vec<String>,
    /// Name of the participant, else the site's; `tidewire-bridge:` comes before it, by which bridges know
    /// each other's samples.
    pub name: Option<String>,
}

impl Default for BridgeOptions {
    fn default() -> Self {
        Self {
            site: "site".into(),
            domain: 0,
            mode: Mode::Peer,
            listen: Vec::new(),
            connect: Vec::new(),
            scouting: false,
            allow: vec!["*".into()],
            deny: Vec::new(),
            qos: None,
            interfaces: Vec::new(),
            peers: Vec::new(),
            name: None,
        }
    }
}

impl BridgeOptions {
    /// Compiles the topic patterns.
    ///
    /// # Errors
    /// A pattern that is no glob.
    pub fn filter(&self) -> Result<Filter, BridgeError> {
        Filter::new(&self.allow, &self.deny)
    }

    /// What other participants see.
    pub(crate) fn participant_name(&self) -> String {
        let name = self.name.as_deref().unwrap_or(&self.site);
        format!("{BRIDGE_NAME}{}", name.strip_prefix(BRIDGE_NAME).unwrap_or(name))
    }

    pub(crate) fn check(&self) -> Result<(), BridgeError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.site.is_empty() || !self.site.chars().all(plain) {
            return Err(BridgeError::Site(self.site.clone()));
        }
        for (option, endpoints) in [("listen", &self.listen), ("connect", &self.connect)] {
            if let Some(endpoint) = endpoints.iter().find(|endpoint| !is_endpoint(endpoint)) {
                return Err(BridgeError::Endpoint { option, endpoint: endpoint.clone() });
            }
        }
        Ok(())
    }

    /// Zenoh's configuration: what is not set here keeps zenoh's default, but a site that cannot
    /// be reached yet never keeps the bridge from starting.
    pub(crate) fn zenoh(&self) -> Result<zenoh::Config, BridgeError> {
        let mode = match self.mode {
            Mode::Peer => "\"peer\"",
            Mode::Client => "\"client\"",
        };
        let list = |items: &[String]| serde_json::Value::from(items.to_vec()).to_string();
        let mut config = zenoh::Config::default();
        let mut set = |key: &'static str, value: String| {
            config.insert_json5(key, &value).map_err(|error| BridgeError::Config {
                key,
                value,
                detail: error.to_string(),
            })
        };
        set("mode", mode.into())?;
        if !self.listen.is_empty() {
            set("listen/endpoints", list(&self.listen))?;
        } else if self.mode == Mode::Peer {
            // Zenoh's default listens on every interface: only on request.
            set("listen/endpoints", "[\"tcp/127.0.0.1:0\"]".into())?;
        }
        set("connect/endpoints", list(&self.connect))?;
        set("connect/timeout_ms", "-1".into())?;
        set("connect/exit_on_failure", "false".into())?;
        set("connect/retry", RETRY.into())?;
        set("scouting/multicast/enabled", self.scouting.to_string())?;
        Ok(config)
    }
}

/// `tcp/address:port`: TCP is the one transport that is built in.
fn is_endpoint(text: &str) -> bool {
    // Zenoh's own `?metadata` and `#configuration` may follow.
    let address = text.split(['?', '#']).next().and_then(|text| text.strip_prefix("tcp/"));
    address
        .and_then(|address| address.rsplit_once(':'))
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// First retry after 0.2 s, then slower up to one in 4 s.
const RETRY: &str = "{ period_init_ms: 200, period_max_ms: 4000, period_increase_factor: 2 }";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bridges_know_each_other_by_name_whatever_they_are_called() {
        let name = |name: Option<&str>| {
            let name = name.map(str::to_owned);
            BridgeOptions { site: "plant".into(), name, ..BridgeOptions::default() }
                .participant_name()
        };
        assert_eq!(name(None), "tidewire-bridge:plant");
        assert_eq!(name(Some("crossing")), "tidewire-bridge:crossing");
        assert_eq!(name(Some("tidewire-bridge:crossing")), "tidewire-bridge:crossing");
    }
}
