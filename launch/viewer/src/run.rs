use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rerun::{RecordingStream, Scalars, TextLog, TextLogLevel};
use tidewire_bus::{Participant, RawReader, RawTopic};
use tidewire_idl::{InstanceState, Sample, TypeRegistry, TypeSupport};
use tidewire_qos::{Durability, History, Profile, Qos};
use tidewire_types::event::{Anomaly, FaultTruth};

use crate::scene::{Scene, TIMELINE, topic_path};
use crate::series::TopicCurves;
use crate::{SiteSource, ViewError, ViewOptions, sink};

const FLUSH: Duration = Duration::from_millis(100);
const DISCOVER: Duration = Duration::from_millis(500);

/// What the node has done so far; readable while it runs.
#[derive(Debug, Default)]
pub struct ViewStats {
    /// Samples logged, before thinning.
    pub samples: AtomicU64,
    /// Samples whose type is unknown or whose bytes do not fit it.
    pub undecoded: AtomicU64,
    /// Anomalies logged.
    pub anomalies: AtomicU64,
}

/// Shows the sites until `stop` is set. `ready` is called once with the line that tells a person
/// where to look.
///
/// # Errors
/// The target cannot be opened, a site cannot be joined, or Rerun fails.
pub fn run(
    options: &ViewOptions,
    types: &TypeRegistry,
    stop: &AtomicBool,
    stats: &ViewStats,
    ready: impl FnOnce(&str),
) -> Result<(), ViewError> {
    if options.sites.is_empty() {
        return Err(ViewError::NoSite);
    }
    let profile = options.qos.as_deref().map(|spec| {
        tidewire_qos::load(spec).map_err(|source| ViewError::Qos { spec: spec.to_owned(), source })
    });
    let profile = profile.transpose()?;
    let sink = sink::open(options)?;
    let join = |site| Site::join(site, options, profile.clone());
    let mut sites = options.sites.iter().map(join).collect::<Result<Vec<_>, _>>()?;
    ready(&sink.notice);

    let mut scene = Scene::default();
    let mut flushed = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        for site in &mut sites {
            site.discover(types);
            site.drain(&sink.stream, &mut scene, stats)?;
        }
        if flushed.elapsed() >= FLUSH {
            flushed = Instant::now();
            flush(&mut sites, &sink.stream, &mut scene)?;
        }
        // Several buses cannot be waited on at once; a picture every 20 ms is soon enough.
        std::thread::sleep(Duration::from_millis(20));
    }
    flush(&mut sites, &sink.stream, &mut scene)?;
    sink.stream.flush_with_timeout(Duration::from_secs(1)).ok();
    Ok(())
}

fn flush(sites: &mut [Site], out: &RecordingStream, scene: &mut Scene) -> Result<(), ViewError> {
    for topic in sites.iter_mut().flat_map(|site| site.topics.values_mut()) {
        if let Some(Feed { curves: Some(curves), .. }) = topic {
            curves.flush(out)?;
        }
    }
    scene.send(out)
}

/// One bus and what is read from it. `None` marks a topic we cannot show.
struct Site {
    name: String,
    participant: Participant,
    topics: HashMap<String, Option<Feed>>,
    exclude: Vec<String>,
    profile: Option<Profile>,
    max_hz: f64,
    looked: Option<Instant>,
    batch: Vec<Sample>,
}

struct Feed {
    reader: RawReader,
    type_name: String,
    curves: Option<TopicCurves>,
}

impl Site {
    fn join(
        site: &SiteSource,
        options: &ViewOptions,
        profile: Option<Profile>,
    ) -> Result<Self, ViewError> {
        let name = options.name.clone().unwrap_or_else(|| format!("{}/viewer", site.name));
        let builder = Participant::builder()
            .domain(site.domain)
            .name(name)
            .profile(profile.clone())
            .peers(site.peers.clone().unwrap_or_default());
        let interfaces = site.interfaces.iter().flatten();
        let participant = interfaces
            .fold(builder, |builder, interface| builder.interface(interface.clone()))
            .build()
            .map_err(|source| ViewError::Join {
                site: site.name.clone(),
                domain: site.domain,
                source,
            })?;
        Ok(Self {
            name: site.name.clone(),
            participant,
            topics: HashMap::new(),
            exclude: options.exclude.clone(),
            profile,
            max_hz: options.max_hz,
            looked: None,
            batch: Vec::new(),
        })
    }

    /// Opens a reader for each topic that has a writer by now.
    fn discover(&mut self, types: &TypeRegistry) {
        if self.looked.is_some_and(|then| then.elapsed() < DISCOVER) {
            return;
        }
        self.looked = Some(Instant::now());
        for topic in self.participant.topics() {
            let unseen = !self.topics.contains_key(&topic.name);
            if topic.writers.is_empty() || !unseen || self.exclude.contains(&topic.name) {
                continue;
            }
            let feed = types.get(&topic.type_name).and_then(|ty| {
                let raw = RawTopic::new(&topic.name, &topic.type_name, topic.keyed);
                let qos = match &self.profile {
                    Some(profile) => profile.reader_qos(&topic.name),
                    None => Qos {
                        durability: Durability::Volatile,
                        // Must be the same on both sides.
                        ownership: topic.writers[0].qos.ownership,
                        // Between two looks more may come than a short history of an instance keeps.
                        history: History::KeepAll,
                        ..Qos::sensor_data()
                    },
                };
                match self.participant.raw_reader_of(&raw, &ty, &qos) {
                    Ok(reader) => {
                        let event = [Anomaly::TYPE_NAME, FaultTruth::TYPE_NAME];
                        let draws = !event.contains(&topic.type_name.as_str());
                        let curves = draws
                            .then(|| TopicCurves::new(&self.name, &topic.name, &ty, self.max_hz));
                        Some(Feed { reader, type_name: topic.type_name.clone(), curves })
                    }
                    Err(error) => {
                        tracing::warn!(topic = %topic.name, %error, "topic not shown");
                        None
                    }
                }
            });
            self.topics.insert(topic.name, feed);
        }
    }

    fn drain(
        &mut self,
        out: &RecordingStream,
        scene: &mut Scene,
        stats: &ViewStats,
    ) -> Result<(), ViewError> {
        for feed in self.topics.values_mut().flatten() {
            loop {
                self.batch.clear();
                if feed.reader.take_into(&mut self.batch, 1024) == 0 {
                    break;
                }
                for sample in &self.batch {
                    show(&self.name, feed, sample, out, scene, stats)?;
                }
            }
        }
        Ok(())
    }
}

fn show(
    site: &str,
    feed: &mut Feed,
    sample: &Sample,
    out: &RecordingStream,
    scene: &mut Scene,
    stats: &ViewStats,
) -> Result<(), ViewError> {
    if sample.info.state != InstanceState::Alive {
        return Ok(());
    }
    stats.samples.fetch_add(1, Ordering::Relaxed);
    let decoded = if let Some(curves) = &mut feed.curves {
        curves.push(&sample.info.point, sample.info.source_time, &sample.payload, scene).is_ok()
    } else if feed.type_name == Anomaly::TYPE_NAME {
        match Anomaly::decode(&sample.payload) {
            Ok(anomaly) => {
                stats.anomalies.fetch_add(1, Ordering::Relaxed);
                log_anomaly(site, &anomaly, out)?;
                true
            }
            Err(_) => false,
        }
    } else {
        match FaultTruth::decode(&sample.payload) {
            Ok(truth) => {
                log_truth(site, &truth, out)?;
                true
            }
            Err(_) => false,
        }
    };
    if !decoded {
        stats.undecoded.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// An anomaly is a line of text beside the curves it speaks of, and its score a curve of its own.
fn log_anomaly(site: &str, anomaly: &Anomaly, out: &RecordingStream) -> Result<(), ViewError> {
    let path = topic_path(site, &anomaly.point, &anomaly.topic);
    out.set_timestamp_nanos_since_epoch(TIMELINE, anomaly.end_ns);
    let text = format!(
        "ANOMALY {} {}: score {:.2} (threshold {:.2}) in {} by {}",
        anomaly.point,
        anomaly.topic,
        anomaly.score,
        anomaly.threshold,
        anomaly.fields.join(", "),
        anomaly.model
    );
    out.log(format!("{path}/anomaly"), &TextLog::new(text).with_level(TextLogLevel::WARN))?;
    out.log(format!("{path}/anomaly/score"), &Scalars::single(anomaly.score))?;
    Ok(())
}

fn log_truth(site: &str, truth: &FaultTruth, out: &RecordingStream) -> Result<(), ViewError> {
    let path = topic_path(site, &truth.point, &truth.topic);
    let over = truth.end_ns > truth.start_ns;
    out.set_timestamp_nanos_since_epoch(TIMELINE, if over { truth.end_ns } else { truth.start_ns });
    let text = format!(
        "injected {} {} {}: {} {}",
        if over { "end of" } else { "start of" },
        truth.kind,
        truth.point,
        truth.topic,
        truth.detail
    );
    out.log(format!("{path}/truth"), &TextLog::new(text).with_level(TextLogLevel::INFO))?;
    Ok(())
}
