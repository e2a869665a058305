use std::net::Ipv4Addr;

use nix::ifaddrs::getifaddrs;

/// A network interface that has IPv4 addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub name: String,
    pub index: u32,
    pub addresses: Vec<Ipv4Addr>,
}

impl Interface {
    /// All of them.
    pub fn all() -> std::io::Result<Vec<Self>> {
        let mut found: Vec<Self> = Vec::new();
        for entry in getifaddrs()? {
            let at = match found.iter().position(|i| i.name == entry.interface_name) {
                Some(at) => at,
                None => {
                    let index = nix::net::if_::if_nametoindex(entry.interface_name.as_str())?;
                    let name = entry.interface_name.clone();
                    found.push(Self { name, index, addresses: Vec::new() });
                    found.len() - 1
                }
            };
            let address = entry.address.as_ref().and_then(|a| a.as_sockaddr_in()).map(|a| a.ip());
            found[at].addresses.extend(address);
        }
        Ok(found)
    }
}
