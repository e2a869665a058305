//! How to join a domain.

use std::net::IpAddr;

use tidewire_qos::Security;

/// How to join a domain.
#[derive(Clone, Debug)]
pub struct DdsOptions {
    /// Domain id, 0 to 232.
    pub domain: u16,
    /// The participant's name, for logs: RustDDS does not announce an `entity_name`.
    pub name: String,
    /// Interfaces to announce and to send multicast on, by address; empty means all. The sockets
    /// themselves stay bound to every address: this is no firewall.
    pub interfaces: Vec<IpAddr>,
    /// Unicast discovery peers. RustDDS has none beyond this host's own ports, so a non-empty list is
    /// refused.
    pub peers: Vec<IpAddr>,
    /// DDS Security; none means plain DDS. RustDDS has none and refuses it.
    pub security: Option<Security>,
}

impl DdsOptions {
    /// All interfaces, multicast discovery, no security.
    pub fn new(domain: u16, name: impl Into<String>) -> Self {
        Self {
            domain,
            name: name.into(),
            interfaces: Vec::new(),
            peers: Vec::new(),
            security: None,
        }
    }
}
