//! What can go wrong between the bus and its DDS backend.

/// A participant or an endpoint could not be made, or has failed since.
#[derive(Debug, thiserror::Error)]
pub enum DdsError {
    /// No participant: sockets, discovery or threads.
    #[error(
        "cannot join DDS domain {domain}: {reason}; check that UDP ports from {port} on are free \
         and that a network interface (at least loopback) is up"
    )]
    Join {
        /// The domain asked for.
        domain: u16,
        /// First port of the domain (RTPS 2.5, 9.6.2).
        port: u32,
        /// What the backend said.
        reason: String,
    },
    /// The domain's ports would not fit below 65536.
    #[error("DDS domain {0} does not exist: use 0 to 232")]
    Domain(u16),
    /// Something asked for that the backend cannot do.
    #[error("{what} is not supported by the {backend} backend: {remedy}")]
    Unsupported {
        /// Its name: `RustDDS`, `Cyclone`.
        backend: &'static str,
        /// The option or policy.
        what: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// DDS Security does not let this participant in: what it has been given is wrong.
    #[error("DDS Security keeps this participant out of domain {domain}: {reason}; {remedy}")]
    Security {
        /// The domain asked for.
        domain: u16,
        /// Which property, and what is wrong with its value.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The permissions of a participant do not allow an endpoint.
    #[error(
        "the permissions of this participant allow no {role} on topic `{topic}` ({reason}); have the \
         topic added to <{rule}> in the document that dds.sec.access.permissions names, and signed anew"
    )]
    Denied {
        /// `reader` or `writer`.
        role: &'static str,
        /// The topic.
        topic: String,
        /// What the backend said.
        reason: String,
        /// Where the document says it: `subscribe` or `publish`.
        rule: &'static str,
    },
    /// No reader or writer.
    #[error("cannot create a DDS {role} on topic `{topic}`: {reason}")]
    Endpoint {
        /// `reader` or `writer`.
        role: &'static str,
        /// The topic.
        topic: String,
        /// What the backend said.
        reason: String,
    },
    /// The type that an endpoint has announced cannot be had.
    #[error("the type of endpoint {endpoint} cannot be read from discovery: {reason}")]
    Type {
        /// Whose.
        endpoint: tidewire_idl::Guid,
        /// Why, and what to do.
        reason: String,
    },
    /// A thread of the backend died; nothing is received any more.
    #[error(
        "the DDS backend of this participant has stopped ({0}); drop the participant and make a new one"
    )]
    Stopped(String),
    /// The operating system refused a poll or a thread.
    #[error("cannot start the DDS receive thread: {0}")]
    Io(#[from] std::io::Error),
}

/// A sample could not be written.
#[derive(Debug, thiserror::Error)]
pub enum DdsWriteError {
    /// RELIABLE, and no room in the send window within `max_blocking_time`.
    #[error(
        "no room to write within max_blocking_time: a matched reliable reader does not keep up; \
         write slower or raise max_blocking_time"
    )]
    Timeout,
    /// Fewer than the four bytes of encapsulation header.
    #[error("payload of {0} bytes has no encapsulation header (RTPS 2.5, 10.2)")]
    Header(usize),
    /// Payload encoded otherwise than the writer has announced.
    #[error(
        "payload is encoded as {found}, but the writer announced {announced}: readers would refuse \
         it; set data_representation in the writer's QoS"
    )]
    Representation {
        /// What the payload's encapsulation says.
        found: &'static str,
        /// What discovery told the readers.
        announced: String,
    },
    /// Dispose on a topic without instances.
    #[error("topic `{0}` has no key: nothing to dispose")]
    NoKey(String),
    /// Unregister without dispose, which RustDDS cannot send.
    #[error("this DDS backend cannot unregister an instance without disposing it: dispose instead")]
    Unregister,
    /// The backend failed.
    #[error("the DDS backend refused the sample: {0}")]
    Backend(String),
}
