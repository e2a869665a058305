//! Which columns a topic's table has.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use tidewire_idl::TypeDescriptor;
use tidewire_idl::cdr::{Column, ColumnType, Columns};

use crate::table::JSON_MARK;

/// Where a table column comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The sample's source time.
    Time,
    /// The sample's collection point.
    Point,
    /// Bytes of the payload with its encapsulation header (unknown types).
    Size,
    /// The payload itself (unknown types).
    Payload,
    /// Value column of the decoder, by its index there.
    Value(usize),
}

/// The columns of one topic.
pub(crate) struct Shape {
    pub(crate) topic: String,
    pub(crate) schema: SchemaRef,
    /// One per field of the schema.
    pub(crate) sources: Vec<Source>,
    /// Value columns of a data sample; `None` for an unknown type.
    pub(crate) values: Option<Columns>,
}

/// Time columns are UTC whatever the session's zone.
pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// Columns of an earlier description of a topic's type.
pub(crate) struct Variant {
    /// `None` where it is not known: nothing can be read then.
    pub(crate) columns: Option<Columns>,
    /// Value column of the shape for each of them.
    pub(crate) index: Vec<Option<usize>>,
}

impl Variant {
    /// Samples of a type that is not known.
    pub(crate) fn unknown() -> Self {
        Self { columns: None, index: Vec::new() }
    }
}

impl Shape {
    pub(crate) fn new(topic: &str, descriptor: Option<&TypeDescriptor>) -> Self {
        let mut fields = vec![
            Field::new("time", time_type(), false),
            Field::new("point", DataType::Utf8, false),
        ];
        let mut sources = vec![Source::Time, Source::Point];
        let mut values = None;
        match descriptor {
            None => {
                fields.push(Field::new("size", DataType::Int64, false));
                fields.push(Field::new("payload", DataType::Binary, false));
                sources.extend([Source::Size, Source::Payload]);
            }
            Some(descriptor) => {
                let columns = Columns::new(descriptor);
                let mut taken: HashSet<String> = ["time", "point"].map(String::from).into();
                for (index, column) in columns.columns().iter().enumerate() {
                    // The key member `point` is what the point column shows already.
                    if column.name == "point" && column.key && column.ty == ColumnType::Text {
                        continue;
                    }
                    fields.push(field(column, &mut taken));
                    sources.push(Source::Value(index));
                }
                values = Some(columns);
            }
        }
        Self { topic: topic.to_owned(), schema: Arc::new(Schema::new(fields)), sources, values }
    }

    /// How to read samples that were recorded with another description of the type: its columns,
    /// and for each the value column of the same name and type here.
    pub(crate) fn variant(&self, descriptor: &TypeDescriptor) -> Variant {
        let columns = Columns::new(descriptor);
        let values = self.values.as_ref().map(|v| v.columns()).unwrap_or_default();
        let same = |theirs: &Column| {
            values.iter().position(|ours| ours.name == theirs.name && ours.ty == theirs.ty)
        };
        let index = columns.columns().iter().map(same).collect();
        Variant { columns: Some(columns), index }
    }
}

/// A member called as one of our own columns gets an underscore: `time_`.
fn field(column: &Column, taken: &mut HashSet<String>) -> Field {
    let mut name = column.name.clone();
    while !taken.insert(name.clone()) {
        name.push('_');
    }
    let ty = match column.ty {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::I64 => DataType::Int64,
        ColumnType::U64 => DataType::UInt64,
        ColumnType::F32 => DataType::Float32,
        ColumnType::F64 => DataType::Float64,
        ColumnType::Text | ColumnType::Json => DataType::Utf8,
        ColumnType::Bytes => DataType::Binary,
    };
    let mut metadata = HashMap::new();
    if column.ty == ColumnType::Json {
        metadata.insert(JSON_MARK.to_owned(), String::new());
    }
    if let Some(unit) = &column.unit {
        metadata.insert("unit".to_owned(), unit.clone());
    }
    // Nullable: an optional member, or a sample that does not decode.
    Field::new(name, ty, true).with_metadata(metadata)
}
