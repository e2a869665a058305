//! What the launcher and its nodes say to each other: one JSON object per line over a Unix socket.
//!
//! A node finds the socket's path in the environment variable `TIDEWIRE_CONTROL` and its name in
//! `TIDEWIRE_NODE`. Any program may speak this: it says hello, then `ready`, then now and then what
//! it counted; it is told when to stop. One that does not counts as ready once it runs and is
//! stopped with SIGTERM.
//!
//! ```text
//! node → launcher   {"hello":{"node":"plant/pump1","pid":4711}}
//! node → launcher   {"ready":true}
//! node → launcher   {"stats":{"topics":{"vibration":{"written":1000}}}}      twice a second
//! launcher → node   {"stop":"drain"}
//! node → launcher   {"final":{"topics":{"vibration":{"written":60000}}}}
//! ```

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use serde::{Deserialize, Serialize};

/// Environment variable with the path of the launcher's socket.
pub const SOCKET_ENV: &str = "TIDEWIRE_CONTROL";

/// Environment variable with the node's full name.
pub const NODE_ENV: &str = "TIDEWIRE_NODE";

/// From a node to the launcher.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromNode {
    /// Who speaks on this connection.
    Hello {
        /// Full name, as the launcher gave it.
        node: String,
        /// Process id.
        pid: u32,
    },
    /// Its readers and writers exist: nodes that need it may start.
    Ready(bool),
    /// What it counted so far.
    Stats(Report),
    /// What it counted in all; nothing more follows.
    Final(Report),
}

/// From the launcher to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToNode {
    /// Stop.
    Stop(How),
}

/// How to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Finish what has arrived, report, exit.
    Drain,
}

/// What a node counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Whether it has all it needs to work.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ready: bool,
    /// By topic name.
    pub topics: BTreeMap<String, TopicReport>,
    /// How far behind it is, ms.
    #[serde(skip_serializing_if = "is_zero")]
    pub lag_ms: f64,
    /// Bytes of its recording, if it keeps one.
    #[serde(skip_serializing_if = "is_none")]
    pub bytes_on_disk: u64,
    /// Something a person should know.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// What else its kind counts.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    pub details: serde_json::Value,
}

/// What a node counted on one topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TopicReport {
    /// Samples handed to the bus.
    #[serde(skip_serializing_if = "is_none")]
    pub written: u64,
    /// Samples the bus refused.
    #[serde(skip_serializing_if = "is_none")]
    pub refused: u64,
    /// Samples taken from the bus.
    #[serde(skip_serializing_if = "is_none")]
    pub received: u64,
    /// Samples the bus knows it lost on the way here.
    #[serde(skip_serializing_if = "is_none")]
    pub lost: u64,
    /// Samples a filter kept back.
    #[serde(skip_serializing_if = "is_none")]
    pub filtered: u64,
    /// Samples on disk, acknowledged.
    #[serde(skip_serializing_if = "is_none")]
    pub recorded: u64,
    /// Payload bytes received.
    #[serde(skip_serializing_if = "is_none")]
    pub bytes: u64,
    /// Time from writing to reception: median and 99th percentile, µs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<[f64; 2]>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl TopicReport {
    /// Adds the counts of an earlier run of the same node.
    pub fn add(&mut self, earlier: &Self) {
        self.written += earlier.written;
        self.refused += earlier.refused;
        self.received += earlier.received;
        self.lost += earlier.lost;
        self.filtered += earlier.filtered;
        self.recorded += earlier.recorded;
        self.bytes += earlier.bytes;
    }
}

/// Writes one message as one line.
pub fn send<M: Serialize>(mut stream: impl Write, message: &M) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Messages of a connection, until the other side closes it.
pub fn messages<M: for<'a> Deserialize<'a>>(
    stream: UnixStream,
) -> impl Iterator<Item = io::Result<M>> {
    BufReader::new(stream).lines().map(|line| Ok(serde_json::from_str(&line?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_the_documented_lines() {
        let line = |m: &FromNode| serde_json::to_string(m).unwrap();
        assert_eq!(
            line(&FromNode::Hello { node: "plant/pump1".into(), pid: 7 }),
            r#"{"hello":{"node":"plant/pump1","pid":7}}"#
        );
        assert_eq!(line(&FromNode::Ready(true)), r#"{"ready":true}"#);
        let mut report = Report::default();
        report
            .topics
            .insert("vibration".into(), TopicReport { written: 1000, ..Default::default() });
        assert_eq!(
            line(&FromNode::Stats(report)),
            r#"{"stats":{"topics":{"vibration":{"written":1000}}}}"#
        );
        assert_eq!(
            serde_json::to_string(&ToNode::Stop(How::Drain)).unwrap(),
            r#"{"stop":"drain"}"#
        );
    }

    #[test]
    fn both_ways_over_a_socket() {
        let (a, b) = UnixStream::pair().unwrap();
        send(&a, &FromNode::Ready(true)).unwrap();
        send(&a, &FromNode::Final(Report::default())).unwrap();
        drop(a);
        let heard: Vec<FromNode> = messages(b).map(Result::unwrap).collect();
        assert_eq!(heard, [FromNode::Ready(true), FromNode::Final(Report::default())]);
    }

    #[test]
    fn nonsense_is_an_error_not_a_panic() {
        let (mut a, b) = UnixStream::pair().unwrap();
        a.write_all(b"what?\n").unwrap();
        drop(a);
        assert!(messages::<FromNode>(b).next().unwrap().is_err());
    }
}
