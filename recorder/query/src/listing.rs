//! `SHOW TABLES`: the topics of a recording.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use tidewire_store::TopicSummary;

use crate::table::Table;

/// One row per topic: name, type, samples, bytes, first and last time, points.
pub(crate) fn tables(topics: &[TopicSummary]) -> Table {
    let text = |f: &dyn Fn(&TopicSummary) -> String| -> ArrayRef {
        Arc::new(topics.iter().map(|t| Some(f(t))).collect::<StringArray>())
    };
    let count = |f: &dyn Fn(&TopicSummary) -> u64| -> ArrayRef {
        Arc::new(topics.iter().map(|t| Some(f(t) as i64)).collect::<Int64Array>())
    };
    let time = |f: &dyn Fn(&TopicSummary) -> Option<i64>| -> ArrayRef {
        let times: TimestampNanosecondArray = topics.iter().map(f).collect();
        Arc::new(times.with_timezone("UTC"))
    };
    let columns = [
        ("topic", text(&|t| t.meta.name.clone())),
        ("type", text(&|t| t.meta.type_name.clone())),
        ("samples", count(&|t| t.alive)),
        ("bytes", count(&|t| t.bytes)),
        ("first", time(&|t| t.first)),
        ("last", time(&|t| t.last)),
        ("points", text(&|t| t.points.join(" "))),
    ];
    let names = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let batch =
        RecordBatch::try_from_iter(columns).expect("seven columns, each with one value per topic");
    Table::new(batch.schema(), vec![batch], names, Vec::new())
}
