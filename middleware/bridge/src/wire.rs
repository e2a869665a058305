//! What travels beside a payload: JSON in zenoh's attachment, a few hundred bytes.
//!
//! The payload itself is the sample's CDR, untouched. Other zenoh programs may put samples for a
//! site the same way; `v` guards against a layout they do not know.
//!
//! ```
//! use tidewire_bridge::wire::{Header, topic_of, key_of};
//!
//! assert_eq!(key_of("plant", "pump1/vib*"), "tidewire/plant/pump1/vib%2A");
//! assert_eq!(topic_of("tidewire/plant/pump1/vib%2A"), Some(("plant", "pump1/vib*".to_string())));
//! assert!(Header::parse(b"{\"v\": 9}").is_err());
//! ```

use serde::{Deserialize, Serialize};
use tidewire_idl::{Guid, InstanceState, KeyHash, Sample};

/// Version of the attachment's layout.
pub const VERSION: u32 = 1;

/// What the receiving site needs to write the sample as if it had been written there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Layout version, [`VERSION`].
    pub v: u32,
    /// DDS type name.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Whether the topic has a key.
    pub keyed: bool,
    /// Whether the writer is RELIABLE.
    pub reliable: bool,
    /// Samples per instance a late site gets: 0 = VOLATILE, n = TRANSIENT_LOCAL KEEP_LAST(n).
    pub late: u32,
    /// The original writer and its count: names a sample across sites. 0: it has no number.
    pub writer: [u8; 16],
    pub sequence: u64,
    /// ns since the Unix epoch.
    pub source_time: i64,
    pub key: [u8; 16],
    /// 0 alive, 1 disposed, 2 unregistered; then the payload is the serialised key.
    pub state: u8,
}

/// An attachment that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    #[error("the attachment is no sample header: {0}")]
    Json(#[from] serde_json::Error),
    #[error(
        "attachment version {0}, this build knows {VERSION}: run the same release at all sites"
    )]
    Version(u32),
    #[error("instance state {0} is none of 0, 1, 2")]
    State(u8),
}

impl Header {
    /// The header of a sample of this type.
    pub fn of(sample: &Sample, type_name: &str, keyed: bool, reliable: bool, late: u32) -> Self {
        let info = &sample.info;
        Self {
            v: VERSION,
            type_name: type_name.to_owned(),
            keyed,
            reliable,
            late,
            writer: info.writer.0,
            sequence: info.sequence,
            source_time: info.source_time,
            key: info.key.0,
            state: info.state as u8,
        }
    }

    /// Reads an attachment.
    ///
    /// # Errors
    /// It is not ours, of another version, or holds an unknown state.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let Version { v } = serde_json::from_slice(bytes)?;
        if v != VERSION {
            return Err(HeaderError::Version(v));
        }
        let header: Self = serde_json::from_slice(bytes)?;
        InstanceState::from_u8(header.state).ok_or(HeaderError::State(header.state))?;
        Ok(header)
    }

    /// The attachment's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain numbers and strings always serialise")
    }

    /// Data, dispose or unregister.
    pub fn state(&self) -> InstanceState {
        InstanceState::from_u8(self.state).unwrap_or_default()
    }

    /// The instance.
    pub fn key(&self) -> KeyHash {
        KeyHash(self.key)
    }

    /// The original writer.
    pub fn writer(&self) -> Guid {
        Guid(self.writer)
    }
}

/// The zenoh key of a topic of a site. Characters that mean something to zenoh are %-escaped.
pub fn key_of(site: &str, topic: &str) -> String {
    let mut key = format!("tidewire/{site}/");
    let trimmed = topic.strip_prefix('/').map_or(topic, |rest| {
        key.push_str("%2F");
        rest
    });
    let mut after_slash = true;
    for c in trimmed.chars() {
        // An empty chunk is no zenoh key: the second of two slashes is escaped too.
        if matches!(c, '*' | '$' | '?' | '#' | '%' | '@') || (c == '/' && after_slash) {
            key.push_str(&format!("%{:02X}", c as u32));
        } else {
            key.push(c);
        }
        after_slash = c == '/';
    }
    if key.ends_with('/') {
        key.pop();
        key.push_str("%2F");
    }
    key
}

/// The site and topic of a key that [`key_of`] made; `None` for any other.
pub fn topic_of(key: &str) -> Option<(&str, String)> {
    let (site, escaped) = key.strip_prefix("tidewire/")?.split_once('/')?;
    let mut topic = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((plain, tail)) = rest.split_once('%') {
        topic.push_str(plain);
        let code = tail.get(..2)?;
        topic.push(char::from(u8::from_str_radix(code, 16).ok()?));
        rest = tail.get(2..)?;
    }
    topic.push_str(rest);
    Some((site, topic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_name_survives_the_key() {
        for topic in ["a", "rt/chatter", "/lead", "a//b", "tail/", "50%", "x*y?#$@", "é/ü"] {
            let key = key_of("s", topic);
            zenoh::key_expr::KeyExpr::new(key.clone()).unwrap_or_else(|e| panic!("{key}: {e}"));
            assert_eq!(topic_of(&key), Some(("s", topic.to_owned())), "{key}");
        }
    }

    #[test]
    fn a_key_of_somebody_else_is_no_topic() {
        for key in ["demo/x", "tidewire/only-site", "tidewire/s/bad%zz", "tidewire/s/cut%2"] {
            assert_eq!(topic_of(key), None, "{key}");
        }
    }

    #[test]
    fn an_unknown_state_is_refused() {
        let header = Header { state: 7, ..crate::testing::header() };
        assert!(matches!(Header::parse(&header.to_bytes()), Err(HeaderError::State(7))));
    }
}
