//! Network interfaces by name or address.

use std::net::IpAddr;

use crate::error::BusError;

/// The IPv4 addresses of `interface`, given by name or as one address of it.
pub(crate) fn resolve(interface: &str) -> Result<Vec<IpAddr>, BusError> {
    let all = addresses();
    let address = interface.parse::<IpAddr>().ok();
    let found: Vec<IpAddr> = all
        .iter()
        .filter(|(name, a)| name == interface || Some(*a) == address)
        .map(|(_, a)| *a)
        .collect();
    if found.is_empty() {
        let known: Vec<String> = all.iter().map(|(name, a)| format!("{name} ({a})")).collect();
        return Err(BusError::Interface(interface.to_owned(), known.join(", ")));
    }
    Ok(found)
}

/// The IPv4 addresses of all interfaces.
pub(crate) fn all() -> Vec<IpAddr> {
    addresses().into_iter().map(|(_, address)| address).collect()
}

/// Name and address of every interface that has IPv4.
fn addresses() -> Vec<(String, IpAddr)> {
    let Ok(all) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    all.filter_map(|entry| {
        let address = entry.address?;
        let address = address.as_sockaddr_in()?.ip();
        Some((entry.interface_name, address.into()))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_found_by_name_and_address_and_others_are_listed() {
        let loopback: IpAddr = [127, 0, 0, 1].into();
        assert_eq!(resolve("lo").unwrap(), [loopback]);
        assert_eq!(resolve("127.0.0.1").unwrap(), [loopback]);
        let error = resolve("nothere7").unwrap_err().to_string();
        assert!(error.contains("lo (127.0.0.1)"), "{error}");
    }
}
