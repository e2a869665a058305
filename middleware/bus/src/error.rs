//! What can go wrong on the bus, and what to do about it.

use std::time::Duration;

use tidewire_filter::FilterError;
use tidewire_qos::policy::Policy;
use tidewire_shm::ShmError;
use tidewire_transport::dds::{DdsError, DdsWriteError};

use crate::backend::{BACKEND_VARIABLE, Backend};

/// A participant, reader or writer could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Neither DDS nor shared memory was asked for.
    #[error("participant `{0}` has no transport: enable DDS, shared memory or both")]
    NoTransport(String),
    /// Shared memory under DDS Security.
    #[error(
        "participant `{0}` is under DDS Security, which shared memory does not know: any process of this \
         user could read and write there without a certificate; leave the transports at their default, \
         or ask for DDS alone"
    )]
    SecureShm(String),
    /// A profile whose properties are not complete.
    #[error(transparent)]
    Profile(#[from] tidewire_qos::QosError),
    /// The DDS side.
    #[error(transparent)]
    Dds(#[from] DdsError),
    /// No such DDS backend.
    #[error(
        "`{0}` is no DDS backend (chosen by --dds or the variable {BACKEND_VARIABLE}): use rustdds or \
         cyclone"
    )]
    Backend(String),
    /// A DDS backend that this build lacks.
    #[error(
        "this build has no {name} backend: build with `--features {name}` (it needs cmake, a C++ \
         compiler and OpenSSL's headers), or use rustdds",
        name = .0.name()
    )]
    NotBuiltIn(Backend),
    /// The shared-memory side.
    #[error(transparent)]
    Shm(#[from] ShmError),
    /// An interface name or address that this host does not have.
    #[error("no network interface `{0}` on this host; the interfaces are: {1}")]
    Interface(String, String),
    /// A peer that is no address.
    #[error("`{0}` is no peer address: write an IPv4 address such as 192.168.1.7")]
    Peer(String),
    /// A policy that neither DDS backend nor bus can keep. Nothing is accepted and then ignored.
    #[error("{policy} = {value} on {role} of `{topic}` is not supported: {remedy}")]
    Policy {
        /// Which policy.
        policy: Policy,
        /// Its value.
        value: String,
        /// `a reader`, `a writer` or `the participant`.
        role: &'static str,
        /// The topic, or the participant's name.
        topic: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A wrong filter expression, or wrong parameters of one.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// Parameters for a filter that is not there.
    #[error("the reader of `{0}` has no filter: make it with `reader_filtered`")]
    NoFilter(String),
    /// A cached reader that could not tell instances apart.
    #[error(
        "a cached reader of `{0}` must know the topic's key, which tells instances apart: give the \
         type (`raw_cached_reader`), or use a plain reader"
    )]
    UnknownKey(String),
    /// A condition of another participant's entities.
    #[error(
        "the condition is of participant `{theirs}`, the wait set of `{ours}`: make a wait set for each \
         participant"
    )]
    OtherParticipant {
        /// Whose entity the condition is of.
        theirs: String,
        /// Whose wait set it is.
        ours: String,
    },
    /// A condition whose reader, writer or participant is gone.
    #[error("the entity of the condition is gone: attach conditions while their entity lives")]
    Gone,
    /// A topic name DDS does not allow.
    #[error("`{0}` is no topic name: it must be 1 to 255 bytes and hold no NUL")]
    TopicName(String),
    /// Nobody came in time.
    #[error("no {what} on `{topic}` within {waited:?}; is the other side up, in domain {domain}?")]
    NobodyThere {
        /// What was waited for.
        what: &'static str,
        /// The topic.
        topic: String,
        /// For how long.
        waited: Duration,
        /// Where.
        domain: u16,
    },
    /// A thread could not be started.
    #[error("cannot start a thread of the bus: {0}")]
    Thread(#[from] std::io::Error),
}

/// A sample could not be written. Readers on the other transport may have got it nevertheless.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// RELIABLE, and a reader did not make room within `max_blocking_time`.
    #[error(
        "write on `{topic}` timed out: a reliable reader does not keep up within max_blocking_time; \
         write slower, or raise max_blocking_time or the reader's history"
    )]
    Timeout {
        /// The topic.
        topic: String,
    },
    /// The shared-memory side.
    #[error(transparent)]
    Shm(ShmError),
    /// The DDS side.
    #[error("write on `{topic}` failed: {source}")]
    Dds {
        /// The topic.
        topic: String,
        /// What the DDS side said.
        source: DdsWriteError,
    },
    /// A value that its type does not allow: a string or sequence beyond its bound.
    #[error("sample on `{topic}` breaks its type's bounds: {reason}; shorten it")]
    Invalid {
        /// The topic.
        topic: String,
        /// Which member, and its bound.
        reason: String,
    },
    /// A new instance beyond RESOURCE_LIMITS `max_instances` (OUT_OF_RESOURCES in DDS 1.4, 2.2.2.4.2.11).
    #[error(
        "writer of `{topic}` has {limit} instances, as many as max_instances allows: unregister one, or \
         raise it"
    )]
    Instances {
        /// The topic.
        topic: String,
        /// `max_instances`.
        limit: usize,
    },
    /// No encapsulation header in front of the payload.
    #[error("payload of {len} bytes on `{topic}` has no encapsulation header (RTPS 2.5, 10.2)")]
    Header {
        /// The topic.
        topic: String,
        /// Bytes given.
        len: usize,
    },
    /// Dispose or unregister on a topic without instances.
    #[error("topic `{0}` has no key: it has no instances to dispose or unregister")]
    NoKey(String),
    /// Unregister without dispose cannot be sent over DDS by this backend.
    #[error(
        "unregister on `{0}` with autodispose_unregistered_instances=false is not supported by the \
         RustDDS backend: dispose instead"
    )]
    Unregister(String),
}

impl WriteError {
    pub(crate) fn shm(topic: &str, error: ShmError) -> Self {
        match error {
            ShmError::WriteTimeout { .. } => Self::Timeout { topic: topic.to_owned() },
            other => Self::Shm(other),
        }
    }

    pub(crate) fn dds(topic: &str, source: DdsWriteError) -> Self {
        let topic = topic.to_owned();
        match source {
            DdsWriteError::Timeout => Self::Timeout { topic },
            DdsWriteError::Unregister => Self::Unregister(topic),
            source => Self::Dds { topic, source },
        }
    }
}

/// A sample could not be read. The next `take` goes on with the next sample.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The payload is not what the type says.
    #[error("a sample on `{topic}` from writer {writer} cannot be decoded: {reason}")]
    Decode {
        /// The topic.
        topic: String,
        /// Who wrote it.
        writer: tidewire_idl::Guid,
        /// Where decoding stopped and why.
        reason: String,
    },
    /// A condition of another reader.
    #[error("the condition is of another reader than this one of `{0}`: make it with this reader")]
    Condition(String),
    /// No instance of this handle: it never came, or it has ended and all of it was taken.
    #[error(
        "`{topic}` has no instance {handle:?}: it never came, or ended and was taken to the last"
    )]
    Instance {
        /// The topic.
        topic: String,
        /// The handle that was given.
        handle: tidewire_idl::KeyHash,
    },
    /// The shared-memory side.
    #[error(transparent)]
    Shm(#[from] ShmError),
    /// The DDS side has stopped.
    #[error(transparent)]
    Dds(#[from] DdsError),
}
