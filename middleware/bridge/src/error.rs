/// What can stop a bridge, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    #[error("site name {0:?} is not usable; use letters, digits, '-' and '_'")]
    Site(String),
    #[error("topic pattern {pattern:?}: {detail}; patterns are globs such as pump*/anomaly")]
    Pattern { pattern: String, detail: String },
    #[error("zenoh setting {key} = {value}: {detail}; endpoints look like tcp/192.168.1.7:7447")]
    Config { key: &'static str, value: String, detail: String },
    #[error("zenoh: {0}; if it listens, check that the port is free")]
    Zenoh(String),
    #[error("joining domain {domain}: {source}")]
    Join { domain: u16, source: tidewire_bus::BusError },
}

impl From<zenoh::Error> for BridgeError {
    fn from(error: zenoh::Error) -> Self {
        Self::Zenoh(error.to_string())
    }
}
