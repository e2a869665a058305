//! One participant: its sockets, its receive thread, its endpoints.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rustdds::{
    DomainParticipant, DomainParticipantBuilder, Publisher, QosPolicies, RTPSEntity, Subscriber,
    Timestamp, Topic, TopicKind,
};
use tidewire_qos::Durability;
use tidewire_transport::dds::{Attendance, DdsError, DdsEvent, DdsOptions, Discovered, Sink};
use tidewire_transport::{Counter, EndpointSpec, Prefix};

use crate::cache::Room;
use crate::discovery::guid;
use crate::guard::{Guard, Sockets};
use crate::health::Threads;
use crate::inbox::{Entry, Inbox};
use crate::inner::Inner;
use crate::keyed::KeyedReader;
use crate::payload::with_sink;
use crate::poll::{Command, ReceiveThread};
use crate::qos::{reader_policies, topic_policies, writer_policies};
use crate::reader::{self, DdsReader};
use crate::writer::{self, DdsWriter, Greeted};

/// A DDS participant on RustDDS with its receive thread; cheap to clone, gone with the last clone.
#[derive(Clone)]
pub struct DdsParticipant {
    rust: DomainParticipant,
    publisher: Publisher,
    subscriber: Subscriber,
    inner: Arc<Inner>,
    tokens: Arc<AtomicUsize>,
    _thread: Arc<ReceiveThread>,
}

impl DdsParticipant {
    /// Joins the domain and starts receiving.
    pub fn start(options: DdsOptions) -> Result<Self, DdsError> {
        if options.domain > 232 {
            return Err(DdsError::Domain(options.domain));
        }
        if !options.peers.is_empty() {
            return Err(DdsError::Unsupported {
                backend: "RustDDS",
                what: format!("unicast discovery peers ({})", options.peers[0]),
                remedy: "use multicast, the Cyclone backend (`--dds cyclone`), or carry the topics with the bridge",
            });
        }
        if options.security.is_some() {
            return Err(DdsError::Unsupported {
                backend: "RustDDS",
                what: "DDS Security".to_owned(),
                remedy: "use the Cyclone backend (`--dds cyclone`, in builds with `--features cyclone`)",
            });
        }
        let mut builder = DomainParticipantBuilder::new(options.domain);
        if !options.interfaces.is_empty() {
            builder = builder.with_only_networks(options.interfaces.iter().copied());
        }
        let fail = |reason: String| DdsError::Join {
            domain: options.domain,
            port: 7400 + 250 * u32::from(options.domain),
            reason,
        };
        // One at a time, so that each knows its own threads and sockets.
        static STARTING: Mutex<()> = Mutex::new(());
        let starting = STARTING.lock();
        let ((rust, threads), sockets) =
            Sockets::of(options.domain, || Threads::of(|| builder.build()));
        drop(starting);
        let rust = rust.map_err(|error| fail(error.to_string()))?;
        let guard = Guard::new(sockets, guid(rust.guid()).prefix());
        let none = QosPolicies::qos_none();
        let publisher = rust.create_publisher(&none).map_err(|error| fail(error.to_string()))?;
        let subscriber = rust.create_subscriber(&none).map_err(|error| fail(error.to_string()))?;

        let poll = mio::Poll::new()?;
        let (commands, receiver) = crossbeam_channel::unbounded();
        let inner = Arc::new(Inner::new(poll.registry(), commands)?);
        let thread = ReceiveThread::spawn(
            poll,
            receiver,
            rust.status_listener(),
            inner.clone(),
            threads,
            guard,
            &options.name,
        )?;
        Ok(Self {
            rust,
            publisher,
            subscriber,
            inner,
            tokens: Arc::new(AtomicUsize::default()),
            _thread: Arc::new(thread),
        })
    }

    /// The 12 bytes every GUID of this participant begins with.
    pub fn prefix(&self) -> Prefix {
        guid(self.rust.guid()).prefix()
    }

    /// Calls `observer` on every discovery event from now on, on the receive thread.
    pub fn observe(&self, observer: impl Fn(&DdsEvent) + Send + Sync + 'static) {
        self.inner.observers.write().push(Box::new(observer));
    }

    /// Has those who wait for samples take them off the wire; the first call holds.
    pub fn attend(&self, attendance: Weak<dyn Attendance>) {
        self.inner.attend(attendance);
    }

    /// Who begins to wait moves to the sinks what has arrived. What comes from here on rings.
    pub fn answer(&self) {
        self.inner.answer(|inbox| inbox.answer(&self.inner, self.prefix()));
    }

    /// Who was woken moves to the sinks what has arrived. What comes from here on need not ring: it is found
    /// by who waits again, or polls, or by the receive thread soon.
    pub fn collect(&self) {
        self.inner.queued().for_each(|inbox| inbox.collect(&self.inner, self.prefix()));
    }

    /// What is known of the domain now.
    pub fn discovered(&self) -> Discovered {
        self.inner.discovered.lock().clone()
    }

    /// Looks at what is known of the domain without copying it; `f` must be brief.
    pub fn with_discovered<R>(&self, f: impl FnOnce(&Discovered) -> R) -> R {
        f(&self.inner.discovered.lock())
    }

    /// Why nothing is received any more, if so.
    pub fn check(&self) -> Result<(), DdsError> {
        match self.inner.failed.get() {
            Some(reason) => Err(DdsError::Stopped(reason.clone())),
            None => Ok(()),
        }
    }

    /// A writer for `spec`.
    pub fn writer(&self, spec: &EndpointSpec) -> Result<DdsWriter, DdsError> {
        self.check()?;
        let fail = |error: rustdds::dds::CreateError| DdsError::Endpoint {
            role: "writer",
            topic: spec.topic.clone(),
            reason: error.to_string(),
        };
        let payload = spec.plain_size.map(|size| size + 4).or(spec.max_payload);
        let policies = writer_policies(&spec.qos, spec.keyed, payload);
        let topic_handle = topic(&self.rust, spec, &topic_policies(&spec.qos)).map_err(fail)?;
        let port = if spec.keyed {
            let writer = self.publisher.create_datawriter(&topic_handle, Some(policies));
            writer::Port::Keyed(writer.map_err(fail)?)
        } else {
            let writer = self.publisher.create_datawriter_no_key(&topic_handle, Some(policies));
            writer::Port::Unkeyed(writer.map_err(fail)?)
        };
        Ok(DdsWriter {
            guid: match &port {
                writer::Port::Keyed(writer) => guid(writer.guid()),
                writer::Port::Unkeyed(writer) => guid(writer.guid()),
            },
            port: Arc::new(port),
            topic: spec.topic.clone(),
            announced: spec.qos.representations()[0],
            participant: self.inner.clone(),
            written: Counter::default(),
            last: AtomicI64::new(0),
            greeted: Greeted::new(&spec.qos),
        })
    }

    /// A reader for `spec` that hands everything to `sink`.
    pub fn reader(&self, spec: &EndpointSpec, sink: Arc<dyn Sink>) -> Result<DdsReader, DdsError> {
        self.check()?;
        let fail = |error: rustdds::dds::CreateError| DdsError::Endpoint {
            role: "reader",
            topic: spec.topic.clone(),
            reason: error.to_string(),
        };
        let payload = spec.plain_size.map(|size| size + 4).or(spec.max_payload);
        let room = Room::new(payload);
        let policies = reader_policies(&spec.qos, room.samples());
        let topic_handle = topic(&self.rust, spec, &policies).map_err(fail)?;
        let (made, first) = (Timestamp::now(), self.inner.is_first(&spec.topic));
        let (mut port, guid) = if spec.keyed {
            let reader =
                self.subscriber.create_datareader(&topic_handle, Some(policies)).map_err(fail)?;
            let guid = guid(reader.guid());
            (reader::Port::Keyed(KeyedReader::new(reader)), guid)
        } else {
            let reader = self
                .subscriber
                .create_simple_datareader_no_key(&topic_handle, Some(policies))
                .map_err(fail)?;
            let guid = guid(reader.guid());
            (reader::Port::Unkeyed(Box::new(reader), 0), guid)
        };
        let grow = {
            let (rust, spec) = (self.rust.clone(), spec.clone());
            Box::new(move |samples| {
                // A cache that stays small costs samples in a burst, no more.
                let _ = topic(&rust, &spec, &reader_policies(&spec.qos, samples));
            })
        };
        // The receive thread is to judge whatever came since.
        let mut parked = Vec::new();
        if spec.qos.durability == Durability::Volatile && !first {
            with_sink(&sink, || port.take_new(&mut parked, &spec.topic, made));
        }
        let siblings = self.inner.siblings(&spec.topic);
        let foreign = Arc::new(Counter::default());
        let token = self.tokens.fetch_add(1, Ordering::Relaxed);
        let inbox = Inbox::new(
            token,
            &self.inner,
            siblings,
            Entry {
                port,
                sink,
                topic: spec.topic.clone(),
                type_name: spec.type_name.clone(),
                room,
                grow,
                foreign: foreign.clone(),
                same_type: Default::default(),
                parked,
            },
        );
        let held = Arc::downgrade(&inbox);
        self.inner.command(Command::Add(token, inbox));
        Ok(DdsReader { guid, token, participant: self.inner.clone(), foreign, inbox: held })
    }
}

/// RustDDS keeps one receive cache per topic name, sized by the largest limits it was ever given.
fn topic(
    rust: &DomainParticipant,
    spec: &EndpointSpec,
    policies: &QosPolicies,
) -> rustdds::dds::CreateResult<Topic> {
    let kind = if spec.keyed { TopicKind::WithKey } else { TopicKind::NoKey };
    rust.create_topic(spec.topic.clone(), spec.type_name.clone(), policies, kind)
}
