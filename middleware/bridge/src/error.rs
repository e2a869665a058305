/// What can stop a bridge, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    #[error("site name {0:?} is not usable; use letters, digits, '-' and '_'")]
    Site(String),
    #[error("topic pattern {pattern:?}: {detail}; patterns are globs such as pump*/anomaly")]
    Pattern { pattern: String, detail: String },
    #[error(
        "{option} {endpoint:?} is no endpoint; write tcp/ADDRESS:PORT, such as tcp/192.168.1.7:7447"
    )]
    Endpoint { option: &'static str, endpoint: String },
    #[error("zenoh setting {key} = {value}: {detail}; endpoints look like tcp/192.168.1.7:7447")]
    Config { key: &'static str, value: String, detail: String },
    #[error("zenoh: {0}; if it listens, check that the port is free")]
    Zenoh(String),
    #[error("cannot use QoS `{spec}`: {source}")]
    Qos { spec: String, source: tidewire_qos::QosError },
    #[error("joining domain {domain}: {source}")]
    Join { domain: u16, source: tidewire_bus::BusError },
}

impl From<zenoh::Error> for BridgeError {
    fn from(error: zenoh::Error) -> Self {
        Self::Zenoh(plain(&error.to_string()))
    }
}

/// Takes out where in zenoh's sources an error arose (` at /…/tcp.rs:61.`): it helps no user.
fn plain(text: &str) -> String {
    let place = regex::Regex::new(r" at [^ ]*\.rs:\d+\.?").expect("the pattern is a constant");
    place.replace_all(text, "").into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn places_in_sources_are_left_out() {
        let text = "no listener: [busy (os error 98) at /a/b/tcp.rs:61.] at /a/unicast.rs:338.";
        assert_eq!(super::plain(text), "no listener: [busy (os error 98)]");
        assert_eq!(super::plain("at first sight"), "at first sight");
    }
}
