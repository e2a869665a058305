//! Where an ingress listens, as one word.
//!
//! ```
//! use tidewire_ingress::{Endpoint, Format, Transport};
//!
//! let endpoint: Endpoint = "line+udp://239.255.7.1:8089".parse()?;
//! assert_eq!(endpoint.format, Format::Lines);
//! assert!(matches!(endpoint.transport, Transport::Udp(at) if at.ip().is_multicast()));
//! assert_eq!(endpoint.to_string(), "line+udp://239.255.7.1:8089");
//!
//! let error = "tcp://10.0.0.1:80".parse::<Endpoint>().unwrap_err();
//! assert!(error.to_string().contains("tcp is no way in"), "{error}");
//! # Ok::<(), tidewire_ingress::IngressError>(())
//! ```

use std::fmt;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::str::FromStr;

use crate::IngressError;

/// What clients send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Length-prefixed CDR with a topic header ([`crate::frame`]).
    Frames,
    /// InfluxDB line protocol ([`crate::line`]).
    Lines,
}

/// How clients reach us.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Unix domain socket, SOCK_STREAM.
    Unix(PathBuf),
    /// Unix domain socket, SOCK_SEQPACKET: a connection that keeps packets apart.
    UnixPacket(PathBuf),
    /// UDP over IPv4; a multicast address is a group to join.
    Udp(SocketAddrV4),
}

/// A place to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// What comes there.
    pub format: Format,
    /// How it comes.
    pub transport: Transport,
}

/// Linux takes 107 bytes and a NUL (unix(7)).
const MAX_PATH: usize = 107;

impl FromStr for Endpoint {
    type Err = IngressError;

    fn from_str(text: &str) -> Result<Self, IngressError> {
        let wrong = |what: String| IngressError::Endpoint { text: text.to_owned(), what };
        let (format, rest) = match text.strip_prefix("line+") {
            Some(rest) => (Format::Lines, rest),
            None => (Format::Frames, text),
        };
        let (scheme, address) =
            rest.split_once("://").ok_or_else(|| wrong("`://` is missing".into()))?;
        let path = || {
            if address.is_empty() {
                return Err(wrong("the path is missing".into()));
            }
            if address.len() > MAX_PATH || address.contains('\0') {
                return Err(wrong(format!("a socket's path has at most {MAX_PATH} bytes")));
            }
            Ok(PathBuf::from(address))
        };
        let transport = match scheme {
            "unix" => Transport::Unix(path()?),
            "unixpacket" => Transport::UnixPacket(path()?),
            "udp" => {
                let address: SocketAddrV4 = address
                    .parse()
                    .map_err(|_| wrong(format!("`{address}` is no IPv4 address and port")))?;
                Transport::Udp(address)
            }
            other => return Err(wrong(format!("{other} is no way in"))),
        };
        Ok(Self { format, transport })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.format == Format::Lines {
            f.write_str("line+")?;
        }
        match &self.transport {
            Transport::Unix(path) => write!(f, "unix://{}", path.display()),
            Transport::UnixPacket(path) => write!(f, "unixpacket://{}", path.display()),
            Transport::Udp(address) => write!(f, "udp://{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_survive_being_written() {
        for text in [
            "unix:///run/a.sock",
            "line+unixpacket:///b",
            "udp://0.0.0.0:7500",
            "line+udp://1.2.3.4:1",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_ones_say_what_is_wrong() {
        for (text, word) in [
            ("/run/a.sock", "`://`"),
            ("unix://", "path is missing"),
            ("udp://localhost:1", "no IPv4 address"),
            ("udp://[::1]:1", "no IPv4 address"),
            ("udp://1.2.3.4", "no IPv4 address"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(format!("unix:///{}", "x".repeat(200)).parse::<Endpoint>().is_err());
    }
}
