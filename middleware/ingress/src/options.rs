use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{Endpoint, IngressError};

/// What a line's timestamp counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Nanoseconds.
    #[default]
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
}

impl Precision {
    /// Nanoseconds in one of it.
    pub const fn nanos(self) -> i64 {
        match self {
            Self::Ns => 1,
            Self::Us => 1_000,
            Self::Ms => 1_000_000,
            Self::S => 1_000_000_000,
        }
    }
}

/// Ways datagrams can take, the fastest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// The fastest that works.
    #[default]
    Auto,
    /// AF_XDP with the program in the driver.
    XdpNative,
    /// AF_XDP with the program behind the driver (copy mode): any network card.
    XdpGeneric,
    /// `recvmmsg`, many datagrams a call, polled for a while before sleeping.
    BusyPoll,
    /// One `recv` for each datagram.
    Blocking,
}

/// Settings of an ingress node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IngressOptions {
    /// Where to listen ([`Endpoint`]).
    pub listen: Vec<String>,
    /// Collection point of lines that name none.
    pub point: String,
    /// Topics that may be written: shell patterns over the names on the bus.
    pub allow: Vec<String>,
    /// Put before every topic name.
    pub prefix: String,
    /// Most topics.
    pub max_topics: usize,
    /// Longest frame or line, bytes.
    pub max_frame: usize,
    /// Frames or lines a second for each connection, datagrams a second for UDP; 0: no limit.
    pub max_rate: f64,
    /// Most clients of each Unix socket at a time.
    pub max_connections: usize,
    /// Users that may connect to Unix sockets. With `gids` empty as well: our own user.
    pub uids: Vec<u32>,
    /// Groups whose members may connect to Unix sockets.
    pub gids: Vec<u32>,
    /// Mode of Unix sockets, octal.
    pub mode: String,
    /// Line protocol: measurement → `TYPE` or `TYPE@TOPIC`. Others become `tidewire::line::Field`.
    pub measurements: BTreeMap<String, String>,
    /// Line protocol: the tag that names the collection point.
    pub point_tag: String,
    /// Line protocol: unit of timestamps.
    pub precision: Precision,
    /// Participants that must read a new topic before its first sample is written, by name.
    pub wait_for: Vec<String>,
    /// UDP: which way datagrams take.
    pub rung: Rung,
    /// UDP: network interface, for groups and AF_XDP. Empty: the one that has the address.
    pub udp_interface: String,
    /// UDP: senders that are heard, such as `10.1.0.0/16`. Empty: all.
    pub sources: Vec<String>,
}

impl Default for IngressOptions {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            point: "ingress".into(),
            allow: vec!["*".into()],
            prefix: String::new(),
            max_topics: 256,
            max_frame: 1 << 20,
            max_rate: 0.0,
            max_connections: 64,
            uids: Vec::new(),
            gids: Vec::new(),
            mode: "600".into(),
            measurements: BTreeMap::new(),
            point_tag: "point".into(),
            precision: Precision::Ns,
            wait_for: Vec::new(),
            rung: Rung::Auto,
            udp_interface: String::new(),
            sources: Vec::new(),
        }
    }
}

/// An IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: u32,
    mask: u32,
}

impl Network {
    pub fn holds(self, address: Ipv4Addr) -> bool {
        address.to_bits() & self.mask == self.address
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
        let address: Ipv4Addr = address.parse().ok()?;
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        (address.to_bits() & !mask == 0).then_some(Self { address: address.to_bits(), mask })
    }
}

const LONGEST: std::ops::RangeInclusive<usize> = 256..=64 << 20;
/// The lowest `max_rate`, one in eleven days: what lies below can be a wait too long to be counted.
const SLOWEST: f64 = 1e-6;

impl IngressOptions {
    /// The endpoints.
    ///
    /// # Errors
    /// None, or one that is wrong.
    pub fn endpoints(&self) -> Result<Vec<Endpoint>, IngressError> {
        if self.listen.is_empty() {
            return Err(IngressError::NoEndpoint);
        }
        self.listen.iter().map(|text| text.parse()).collect()
    }

    /// Checks what can be checked without listening.
    ///
    /// # Errors
    /// The first option that makes no sense.
    pub fn check(&self) -> Result<(), IngressError> {
        let wrong = |option, value: &dyn ToString, remedy: &str| {
            Err(IngressError::Option {
                option,
                value: value.to_string(),
                remedy: remedy.to_owned(),
            })
        };
        self.endpoints()?;
        if !LONGEST.contains(&self.max_frame) {
            return wrong("max_frame", &self.max_frame, "give 256 bytes to 64 MiB");
        }
        if self.max_rate != 0.0 && !(SLOWEST..=f64::MAX).contains(&self.max_rate) {
            let value = format!("{:?}", self.max_rate);
            let remedy = "give frames a second, at least 0.000001, or 0 for no limit";
            return wrong("max_rate", &value, remedy);
        }
        for (option, value) in
            [("max_topics", self.max_topics), ("max_connections", self.max_connections)]
        {
            if !(1..=65536).contains(&value) {
                return wrong(option, &value, "give 1 to 65536");
            }
        }
        self.mode_bits()?;
        self.networks()?;
        Ok(())
    }

    pub(crate) fn mode_bits(&self) -> Result<u32, IngressError> {
        let bits = u32::from_str_radix(self.mode.trim_start_matches("0o"), 8).ok();
        bits.filter(|bits| *bits <= 0o777).ok_or_else(|| IngressError::Option {
            option: "mode",
            value: self.mode.clone(),
            remedy: "give three octal digits, such as 660".into(),
        })
    }

    pub(crate) fn networks(&self) -> Result<Vec<Network>, IngressError> {
        let network = |text: &String| {
            Network::parse(text).ok_or_else(|| IngressError::Option {
                option: "sources",
                value: text.clone(),
                remedy: "give IPv4 addresses or networks without host bits, such as 10.1.0.0/16"
                    .into(),
            })
        };
        self.sources.iter().map(network).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        let holds = |network: &str, address: [u8; 4]| {
            Network::parse(network).unwrap().holds(Ipv4Addr::from(address))
        };
        assert!(holds("10.1.0.0/16", [10, 1, 255, 3]) && !holds("10.1.0.0/16", [10, 2, 0, 0]));
        assert!(holds("10.1.2.3", [10, 1, 2, 3]) && !holds("10.1.2.3", [10, 1, 2, 4]));
        assert!(holds("0.0.0.0/0", [200, 1, 2, 3]));
        for wrong in ["10.1.0.1/16", "10.1.0.0/33", "x", "10.0.0.0/-1", "10.0.0/8"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn wrong_options_are_named() {
        let base = || IngressOptions { listen: vec!["unix:///x".into()], ..Default::default() };
        base().check().unwrap();
        for (options, word) in [
            (IngressOptions { listen: vec![], ..base() }, "somewhere to listen"),
            (IngressOptions { max_frame: 1, ..base() }, "max_frame"),
            (IngressOptions { max_rate: f64::NAN, ..base() }, "max_rate"),
            (IngressOptions { max_rate: f64::INFINITY, ..base() }, "max_rate"),
            (IngressOptions { max_rate: -1.0, ..base() }, "max_rate"),
            (IngressOptions { max_rate: 1e-20, ..base() }, "`max_rate` is 1e-20: give"),
            (IngressOptions { max_topics: 0, ..base() }, "max_topics"),
            (IngressOptions { mode: "999".into(), ..base() }, "mode"),
            (IngressOptions { mode: "1777".into(), ..base() }, "mode"),
            (IngressOptions { sources: vec!["lan".into()], ..base() }, "sources"),
        ] {
            let error = options.check().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
