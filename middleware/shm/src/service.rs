//! iceoryx2's side: node, configuration, and one publish-subscribe service per topic and lane.
//!
//! A topic has several services, one per [`Lane`], because overflow is a property of a service, while
//! reliability is one of each reader: RELIABLE readers attach to a service whose full buffers make
//! the writer wait, BEST_EFFORT readers to one that drops the oldest sample. All other limits are
//! constants, so two processes with different QoS always agree on a service.

use std::path::Path;
use std::time::{Duration, Instant};

use iceoryx2::config::Config;
use iceoryx2::node::NodeCreationFailure;
use iceoryx2::prelude::*;
use iceoryx2::service::attribute::{AttributeKey, AttributeValue, AttributeVerifier};
use iceoryx2::service::builder::publish_subscribe::{
    Builder, PublishSubscribeCreateError as CreateError, PublishSubscribeOpenError as OpenError,
    PublishSubscribeOpenOrCreateError as OpenOrCreateError,
};
use iceoryx2::service::port_factory::publish_subscribe::PortFactory;
use tidewire_transport::EndpointSpec;

use crate::control::Control;
use crate::error::ShmError;
use crate::hash::fnv128;
use crate::presence::Lane;
use crate::wire::{Cell, WireMeta};

/// Samples of one writer a reader may hold at once.
pub(crate) const MAX_BORROWED: usize = 64;
/// Publishers that are gone while a reader still holds samples of them. iceoryx2 ends the process
/// when there are more, so readers hold copies from there on. It must be no less than
/// [`MAX_BORROWED`]; a poll walks over as many places, and over [`MAX_PUBLISHERS`] more.
pub(crate) const MAX_OUTLIVED: usize = 64;
/// Most samples that wait for one reader, per writer.
pub(crate) const MAX_BUFFER: usize = 1024;
/// Samples a writer fills at once.
pub(crate) const MAX_LOANS: usize = 1;
pub(crate) const MAX_PUBLISHERS: usize = 64;
/// How long to retry while another process makes or removes the same service.
const PATIENCE: Duration = Duration::from_secs(3);

/// The flavour without locks of its own. Ports move between threads and samples are dropped anywhere,
/// but each call already holds what locks its port: the writer by `&mut`, the reader by the mutex of
/// its inlet. iceoryx2's thread-safe flavour would take four more locks per sample.
pub(crate) type Ipc = ipc::Service;
pub(crate) type IpcNode = Node<Ipc>;
pub(crate) type Factory = PortFactory<Ipc, [Cell], WireMeta>;
pub(crate) type Publisher = iceoryx2::port::publisher::Publisher<Ipc, [Cell], WireMeta>;
pub(crate) type Subscriber = iceoryx2::port::subscriber::Subscriber<Ipc, [Cell], WireMeta>;

/// iceoryx2's configuration for a domain: its own directory and file prefix, so that neither other
/// domains nor the user's own iceoryx2 programs are in sight.
pub(crate) fn config(control: &Control) -> Result<Config, ShmError> {
    let root = control.dir().join("iceoryx2");
    let place = |detail: String| ShmError::Place { path: root.clone(), detail };
    let mut config = Config::default();
    let path = iceoryx2::prelude::Path::new(root.as_os_str().as_encoded_bytes())
        .map_err(|e| place(format!("{e:?}")))?;
    config.global.set_root_path(&path);
    config.global.prefix =
        FileName::new(control.iceoryx_prefix().as_bytes()).map_err(|e| place(format!("{e:?}")))?;
    // The janitor does this, once per death instead of once per service.
    config.global.service.cleanup_dead_nodes_on_open = false;
    config.global.node.cleanup_dead_nodes_on_destruction = false;
    config.defaults.publish_subscribe.subscriber_expired_connection_buffer = MAX_OUTLIVED;
    Ok(config)
}

/// Makes this participant's node. Signals stay with the application.
pub(crate) fn node(config: &Config, dir: &Path, name: &str) -> Result<IpcNode, ShmError> {
    // iceoryx2 writes to the terminal otherwise; what matters comes back as an error.
    set_log_level(LogLevel::Fatal);
    let printable: String = name.chars().filter(char::is_ascii_graphic).take(100).collect();
    let mut builder =
        NodeBuilder::new().config(config).signal_handling_mode(SignalHandlingMode::Disabled);
    if let Ok(name) = NodeName::new(&printable) {
        builder = builder.name(&name);
    }
    builder.create::<Ipc>().map_err(|failure| match failure {
        NodeCreationFailure::InsufficientPermissions => {
            ShmError::Permission { path: dir.to_owned(), detail: format!("{failure:?}") }
        }
        _ => ShmError::Backend { action: "joining".into(), detail: format!("{failure:?}") },
    })
}

/// What a topic is called between processes.
pub(crate) fn topic_hash(spec: &EndpointSpec) -> u128 {
    fnv128(&[spec.topic.as_bytes(), spec.type_name.as_bytes(), &[u8::from(spec.keyed)]])
}

/// Opens or makes the service of a topic's lane.
pub(crate) fn open(node: &IpcNode, spec: &EndpointSpec, lane: Lane) -> Result<Factory, ShmError> {
    let (name, attributes) = identity(spec, lane)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let tried = builder(node, &name, lane).open_or_create_with_attributes(&attributes);
        let error = match tried {
            Ok(factory) => return Ok(factory),
            Err(error) => error,
        };
        if !passes(&error) || Instant::now() > deadline {
            return Err(explain(spec, error));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Opens the service of a topic's lane if there is one, and nobody is just making or removing it.
pub(crate) fn open_existing(
    node: &IpcNode,
    spec: &EndpointSpec,
    lane: Lane,
) -> Result<Option<Factory>, ShmError> {
    let (name, attributes) = identity(spec, lane)?;
    match builder(node, &name, lane).open_with_attributes(&attributes) {
        Ok(factory) => Ok(Some(factory)),
        Err(error) => match OpenOrCreateError::from(error) {
            error if passes(&error) => Ok(None),
            error => Err(explain(spec, error)),
        },
    }
}

/// A lane's service name, and what it says of the topic.
fn identity(spec: &EndpointSpec, lane: Lane) -> Result<(ServiceName, AttributeVerifier), ShmError> {
    let name = format!("{:032x}/{}", topic_hash(spec), lane.index());
    let backend = |detail: String| ShmError::Backend {
        action: format!("opening topic `{}`", spec.topic),
        detail,
    };
    let name = ServiceName::new(&name).map_err(|e| backend(format!("{e:?}")))?;
    let mut attributes = AttributeVerifier::new();
    for (key, value) in [("topic", &spec.topic), ("type", &spec.type_name)] {
        let key = AttributeKey::try_from(key).map_err(|e| backend(format!("{e:?}")))?;
        let value =
            AttributeValue::try_from(clipped(value)).map_err(|e| backend(format!("{e:?}")))?;
        attributes = attributes.require(&key, &value).map_err(|e| backend(format!("{e:?}")))?;
    }
    Ok((name, attributes))
}

/// The one set of limits of all services.
fn builder(node: &IpcNode, name: &ServiceName, lane: Lane) -> Builder<[Cell], WireMeta, Ipc> {
    node.service_builder(name)
        .publish_subscribe::<[Cell]>()
        .user_header::<WireMeta>()
        .enable_safe_overflow(!lane.is_reliable())
        .history_size(0)
        .subscriber_max_buffer_size(MAX_BUFFER)
        .subscriber_max_borrowed_samples(MAX_BORROWED)
        .max_publishers(MAX_PUBLISHERS)
        .max_subscribers(lane.width())
        .max_nodes(max_nodes())
}

/// Processes that can hold a service: each writer and each reader may be in one of its own.
fn max_nodes() -> usize {
    // Readers look into narrow lanes on their way to the wide ones.
    MAX_PUBLISHERS + Lane::all_widths()
}

/// Whether trying again soon may help: another process is just making or removing the service.
fn passes(error: &OpenOrCreateError) -> bool {
    use OpenOrCreateError::{
        PublishSubscribeCreateError as Create, PublishSubscribeOpenError as Open,
    };
    match error {
        Open(e) => matches!(
            e,
            OpenError::Interrupt
                | OpenError::DoesNotExist
                | OpenError::InternalFailure
                | OpenError::ServiceInCorruptedState
                | OpenError::HangsInCreation
                | OpenError::IsMarkedForDestruction
                | OpenError::UnableToCreateServiceTag
        ),
        Create(e) => matches!(
            e,
            CreateError::Interrupt
                | CreateError::AlreadyExists
                | CreateError::InternalFailure
                | CreateError::ServiceInCorruptedState
                | CreateError::IsBeingCreatedByAnotherInstance
                | CreateError::HangsInCreation
        ),
        _ => true,
    }
}

fn explain(spec: &EndpointSpec, error: OpenOrCreateError) -> ShmError {
    let detail = format!("{error:?}");
    let incompatible = ["Incompatible", "DoesNotSupport", "VersionMismatch"];
    if detail.contains("ExceedsMaxNumberOfNodes") {
        ShmError::Limit {
            what: "the participants",
            of: spec.topic.clone(),
            limit: max_nodes(),
            instead: "topics",
        }
    } else if incompatible.iter().any(|word| detail.contains(word)) {
        ShmError::Incompatible {
            topic: spec.topic.clone(),
            type_name: spec.type_name.clone(),
            detail,
        }
    } else if detail.contains("InsufficientPermissions") {
        ShmError::Permission { path: "/dev/shm".into(), detail }
    } else {
        ShmError::Backend { action: format!("opening topic `{}`", spec.topic), detail }
    }
}

/// The start of a name that fits an attribute; the hash in the service's name covers all of it.
fn clipped(name: &str) -> &str {
    let mut end = name.len().min(240);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    if end == 0 { "-" } else { &name[..end] }
}
