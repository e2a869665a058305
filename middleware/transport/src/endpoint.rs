//! What a transport must know to make one side of a topic.

use tidewire_idl::TypeHandle;
use tidewire_qos::Qos;

/// One writer or reader, as a transport is asked to make it.
#[derive(Clone, Debug)]
pub struct EndpointSpec {
    /// Topic name, unmangled, as DDS discovery shows it.
    pub topic: String,
    /// DDS type name, for example `tidewire::sensor::Vibration`.
    pub type_name: String,
    /// Whether the topic has instances (`WITH_KEY` in RTPS 2.5, 8.2.5).
    pub keyed: bool,
    /// The policies the user asked for.
    pub qos: Qos,
    /// Bytes of the CDR body when every sample of the type has the same (plain types), without the
    /// 4-byte encapsulation header.
    pub plain_size: Option<usize>,
    /// Bytes that hardly any payload exceeds, header included: a hint for preallocation. A transport
    /// must still carry larger ones or say clearly why it cannot.
    pub max_payload: Option<usize>,
    /// The type to announce, where the transport can; readers are then matched by it (DDS-XTypes 1.3,
    /// 7.6.3.4.2). `None` takes whatever has the type's name.
    pub ty: Option<TypeHandle>,
}

impl EndpointSpec {
    /// An endpoint with default QoS and no size hints.
    pub fn new(topic: impl Into<String>, type_name: impl Into<String>, keyed: bool) -> Self {
        Self {
            topic: topic.into(),
            type_name: type_name.into(),
            keyed,
            qos: Qos::default(),
            plain_size: None,
            max_payload: None,
            ty: None,
        }
    }
}
