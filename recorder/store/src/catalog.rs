//! `catalog.twl`: the topics and series of a recording, and the journal seqs given out so far.
//!
//! ```
//! use tidewire_store::TopicMeta;
//!
//! let meta = TopicMeta::raw("vibration", "tidewire::sensor::Vibration");
//! assert!(meta.descriptor.is_none() && !meta.keyed);
//! ```

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidewire_idl::TypeDescriptor;

use crate::StoreError;
use crate::journal::record::{self, Record};
use crate::journal::segment::{self, CATALOG_MAGIC, Damage, HEADER, Head};

/// File name of the catalog.
pub const CATALOG: &str = "catalog.twl";

/// A registered topic: index into the catalog, valid for this recording only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicId(pub u32);

/// What a recording knows of a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopicMeta {
    /// DDS topic name.
    pub name: String,
    /// DDS type name.
    pub type_name: String,
    /// Whether its type has a key.
    pub keyed: bool,
    /// The type, where it was known while recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<TypeDescriptor>,
    /// The writers' QoS as offered, for replay.
    #[serde(default)]
    pub qos: serde_json::Value,
}

impl TopicMeta {
    /// An unkeyed topic of an unknown type and default QoS.
    pub fn raw(name: impl Into<String>, type_name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            type_name: type_name.into(),
            keyed: false,
            descriptor: None,
            qos: serde_json::Value::Null,
        }
    }

    /// Whether both would share a table and a block layout: the QoS may differ.
    pub(crate) fn same_type(&self, other: &Self) -> bool {
        self.name == other.name
            && self.type_name == other.type_name
            && self.keyed == other.keyed
            && match (&self.descriptor, &other.descriptor) {
                (Some(ours), Some(theirs)) => ours.is_same(theirs),
                (ours, theirs) => ours.is_none() && theirs.is_none(),
            }
    }
}

/// One series: the samples of a topic that come from one collection point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesMeta {
    pub topic: TopicId,
    pub point: Arc<str>,
}

/// The catalog's content.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    pub topics: Vec<Arc<TopicMeta>>,
    pub series: Vec<SeriesMeta>,
    /// Highest journal seq that may have been given out.
    pub reserved: u64,
    /// What was wrong in the file.
    pub damage: Vec<Damage>,
    /// Bytes of a torn tail.
    pub torn: u64,
    /// Length of the file up to its last whole record.
    pub len: u64,
}

/// Path of a recording's catalog.
pub fn path(dir: &Path) -> PathBuf {
    dir.join(CATALOG)
}

impl Catalog {
    /// Reads the catalog of a recording; a recording that is being created may not have one yet.
    pub fn read(dir: &Path) -> Result<Self, StoreError> {
        let path = path(dir);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(StoreError::io(&path, "read")(e)),
        };
        match segment::read_header(&bytes, CATALOG_MAGIC) {
            Head::Good { .. } => {}
            Head::Short => return Ok(Self { torn: bytes.len() as u64, ..Self::default() }),
            Head::Bad(what) => return Err(StoreError::damaged(&path, 0, what)),
        }
        let mut catalog = Self::default();
        let mut damage = Vec::new();
        let walk = segment::walk(&bytes, HEADER, 0, None, |offset, record| {
            if let Err(what) = catalog.apply(record) {
                damage.push(Damage { offset, what });
            }
        });
        catalog.damage = walk.damage;
        catalog.damage.append(&mut damage);
        catalog.torn = walk.torn;
        catalog.len = walk.end;
        Ok(catalog)
    }

    fn apply(&mut self, record: Record<'_>) -> Result<(), String> {
        match record {
            Record::Topic { id, json } => {
                let meta: TopicMeta = serde_json::from_slice(json)
                    .map_err(|e| format!("topic {id} cannot be read: {e}"))?;
                let meta = Arc::new(meta);
                place(&mut self.topics, id, meta, || {
                    Arc::new(TopicMeta::raw(format!("(lost topic {id})"), ""))
                })
            }
            Record::Series { id, topic, point } => {
                let series = SeriesMeta { topic: TopicId(topic), point: point.into() };
                place(&mut self.series, id, series, || SeriesMeta {
                    topic: TopicId(u32::MAX),
                    point: "".into(),
                })
            }
            Record::Reserve { through } => {
                self.reserved = self.reserved.max(through);
                Ok(())
            }
            Record::Sample { .. } | Record::Mark { .. } => {
                Err("a journal record stands in the catalog".into())
            }
        }
    }

    /// The whole file, as it would be written from scratch.
    pub fn image(&self) -> Vec<u8> {
        let mut out = segment::header(CATALOG_MAGIC, 0, 0).to_vec();
        record::put_reserve(&mut out, self.reserved);
        for (id, meta) in self.topics.iter().enumerate() {
            put_topic(&mut out, id as u32, meta);
        }
        for (id, series) in self.series.iter().enumerate() {
            record::put_series(&mut out, id as u32, series.topic.0, &series.point);
        }
        out
    }

    /// Series by (topic, point).
    pub fn index(&self) -> HashMap<(TopicId, Arc<str>), u32> {
        let pairs = self.series.iter().enumerate();
        pairs.map(|(id, s)| ((s.topic, s.point.clone()), id as u32)).collect()
    }
}

/// Appends a topic's record.
pub fn put_topic(out: &mut Vec<u8>, id: u32, meta: &TopicMeta) {
    let json = serde_json::to_vec(meta).expect("plain data with string keys serialises");
    record::put_topic(out, id, &json);
}

/// Ids beyond this are damage: they would make a small file ask for gigabytes.
const MAX_ID: u32 = 1 << 24;

fn place<T>(list: &mut Vec<T>, id: u32, value: T, hole: impl Fn() -> T) -> Result<(), String> {
    if id >= MAX_ID {
        return Err(format!("id {id} is out of range"));
    }
    let id = id as usize;
    while list.len() < id {
        list.push(hole());
    }
    if id == list.len() {
        list.push(value);
    } else {
        list[id] = value;
    }
    Ok(())
}
