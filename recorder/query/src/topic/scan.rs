//! Reading a topic: chunk by chunk from the store into Arrow batches.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use tidewire_idl::InstanceState;
use tidewire_store::{Chunk, Scan, TopicMeta};

use super::batch::BatchBuilder;
use super::filter::{Bound, Filter};
use super::shape::{Shape, Source, Variant};
use crate::pool::Snapshot;

/// A batch is cut when its samples' payloads pass this, whatever their number: large images must
/// not fill memory.
const BATCH_BYTES: usize = 32 << 20;

/// One topic of one snapshot.
pub(crate) struct Topic {
    pub(crate) shape: Arc<Shape>,
    pub(crate) meta: Arc<TopicMeta>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) points: Vec<String>,
    /// Data samples: known without reading a block.
    pub(crate) rows: u64,
    /// First and last time, if it is theirs for sure and not that of a dispose.
    pub(crate) times: Option<(i64, i64)>,
    /// Samples met by scans so far that did not decode as the recorded type.
    pub(crate) undecodable: AtomicU64,
}

/// Scan of one topic: projection, exact time and point filter, limit.
pub(crate) struct TopicScan {
    topic: Arc<Topic>,
    schema: SchemaRef,
    projection: Vec<usize>,
    filter: Filter,
    bounds: Vec<Bound>,
    /// Points each partition reads; `None` reads all.
    partitions: Vec<Option<Vec<String>>>,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl TopicScan {
    pub(crate) fn new(
        topic: Arc<Topic>,
        schema: SchemaRef,
        projection: Vec<usize>,
        filter: Filter,
        bounds: Vec<Bound>,
        partitions: Vec<Option<Vec<String>>>,
        limit: Option<usize>,
    ) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Self { topic, schema, projection, filter, bounds, partitions, limit, properties }
    }
}

impl fmt::Debug for TopicScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicScan")
            .field("topic", &self.topic.shape.topic)
            .field("projection", &self.projection)
            .field("filter", &self.filter)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl DisplayAs for TopicScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self.schema.fields().iter().map(|c| c.name().as_str()).collect();
        write!(f, "TopicScan: \"{}\" columns=[{}]", self.topic.shape.topic, columns.join(", "))?;
        if let Some(start) = self.filter.start {
            write!(f, " time>={start}")?;
        }
        if let Some(end) = self.filter.end {
            write!(f, " time<={end}")?;
        }
        if let Some(points) = &self.filter.points {
            write!(f, " points={points:?}")?;
        }
        for bound in &self.bounds {
            write!(f, " {} in [{}, {}]", bound.column, bound.low, bound.high)?;
        }
        if let Some(limit) = self.limit {
            write!(f, " limit={limit}")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for TopicScan {
    fn name(&self) -> &str {
        "TopicScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let mut builder = RecordBatchReceiverStreamBuilder::new(self.schema.clone(), 2);
        let out = builder.tx();
        let shape = self.topic.shape.clone();
        let rows = BatchBuilder::new(shape, self.schema.clone(), &self.projection);
        let job = Job {
            topic: self.topic.clone(),
            scan: Scan {
                topic: self.topic.shape.topic.clone(),
                start: self.filter.start,
                // The store's end is exclusive; nothing comes after the last ns of an i64.
                end: self.filter.end.and_then(|end| end.checked_add(1)),
                points: self.partitions[partition].clone(),
            },
            bounds: self.bounds.clone(),
            left: self.limit.unwrap_or(usize::MAX),
            batch_rows: context.session_config().batch_size(),
            rows,
        };
        // Reading and decoding block: they have no place on an async worker.
        builder.spawn_blocking(move || {
            job.run(&mut |batch| out.blocking_send(Ok(batch)).is_ok(), &|| out.is_closed())
        });
        Ok(builder.build())
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        let whole = partition.is_none() || self.partitions.len() == 1;
        let everything = self.filter.is_everything() && self.bounds.is_empty();
        if !whole || self.limit.is_some() || !everything {
            return Ok(Arc::new(Statistics::new_unknown(&self.schema)));
        }
        let columns = self.projection.iter().map(|i| self.column_statistics(*i)).collect();
        Ok(Arc::new(Statistics {
            num_rows: Precision::Exact(self.topic.rows as usize),
            total_byte_size: Precision::Absent,
            column_statistics: columns,
        }))
    }
}

impl TopicScan {
    /// The index knows first and last time exactly; so MIN and MAX of time read no block.
    fn column_statistics(&self, column: usize) -> ColumnStatistics {
        let mut known = ColumnStatistics::new_unknown();
        let time = |t: i64| {
            Precision::Exact(ScalarValue::TimestampNanosecond(Some(t), Some("UTC".into())))
        };
        match (self.topic.shape.sources[column], self.topic.times) {
            (Source::Time, Some((first, last))) => {
                known.null_count = Precision::Exact(0);
                known.min_value = time(first);
                known.max_value = time(last);
            }
            (Source::Point, _) => known.null_count = Precision::Exact(0),
            _ => {}
        }
        known
    }
}

/// One partition's work on a blocking thread.
struct Job {
    topic: Arc<Topic>,
    scan: Scan,
    bounds: Vec<Bound>,
    left: usize,
    batch_rows: usize,
    rows: BatchBuilder,
}

impl Job {
    fn run(
        mut self,
        send: &mut dyn FnMut(RecordBatch) -> bool,
        abandoned: &dyn Fn() -> bool,
    ) -> Result<()> {
        let failed = |e| DataFusionError::External(Box::new(e));
        let topic = self.topic.clone();
        let mut bytes = 0;
        let mut variants = Variants::default();
        'chunks: for chunk in topic.snapshot.scan(&self.scan).map_err(failed)? {
            let chunk = chunk.map_err(failed)?;
            if self.left == 0 || abandoned() {
                break;
            }
            if !self.may_hold(&chunk) {
                continue;
            }
            if chunk.is_whole() && !self.rows.needs_samples() {
                let count = (chunk.header().alive as usize).min(self.left);
                self.rows.count(count);
                self.left -= count;
                continue;
            }
            let variant = variants.of(&topic, chunk.topic());
            for sample in &chunk.samples().map_err(failed)? {
                if sample.info.state != InstanceState::Alive {
                    continue;
                }
                self.rows.push(sample, variant);
                bytes += sample.payload.len();
                self.left -= 1;
                if self.left == 0 {
                    break 'chunks;
                }
                if self.rows.rows() >= self.batch_rows || bytes >= BATCH_BYTES {
                    bytes = 0;
                    if !send(self.rows.finish()?) {
                        break 'chunks;
                    }
                }
            }
        }
        if self.rows.rows() > 0 {
            send(self.rows.finish()?);
        }
        self.topic.undecodable.fetch_add(self.rows.undecodable(), Ordering::Relaxed);
        Ok(())
    }

    /// Whether the chunk's statistics leave room for a row that passes.
    fn may_hold(&self, chunk: &Chunk) -> bool {
        if self.bounds.is_empty() {
            return true;
        }
        let stats = chunk.stats();
        self.bounds.iter().all(|bound| {
            let stat = stats.iter().find(|(name, _)| *name == bound.column);
            stat.is_none_or(|(_, stat)| bound.may_hold(stat.min, stat.max))
        })
    }
}

/// Readers of the types that a topic had before its present one.
#[derive(Default)]
struct Variants(Vec<(Arc<TopicMeta>, Option<Variant>)>);

impl Variants {
    /// `None` reads as the topic is described now, which also serves samples of the same type that
    /// were recorded before it was known.
    fn of(&mut self, topic: &Topic, recorded: &Arc<TopicMeta>) -> Option<&Variant> {
        if Arc::ptr_eq(&topic.meta, recorded) {
            return None;
        }
        let at = self.0.iter().position(|(meta, _)| Arc::ptr_eq(meta, recorded));
        let at = at.unwrap_or_else(|| {
            let same = match (&recorded.descriptor, &topic.meta.descriptor) {
                (Some(recorded), Some(now)) => recorded.is_same(now),
                (Some(_), None) => false,
                (None, _) => recorded.type_name == topic.meta.type_name,
            };
            let variant = match &recorded.descriptor {
                _ if same => None,
                Some(descriptor) => Some(topic.shape.variant(descriptor)),
                None => Some(Variant::unknown()),
            };
            self.0.push((recorded.clone(), variant));
            self.0.len() - 1
        });
        self.0[at].1.as_ref()
    }
}
