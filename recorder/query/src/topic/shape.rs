//! Which columns a topic's table has.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use tidewire_idl::{
    Column, ColumnType, Columns, Definition, TypeDescriptor, TypeHandle,
};

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
    /// For the payload of a dispose, which holds the key alone: its columns, and for each the
    /// index of the value column of the same name.
    pub(crate) keys: Option<(Columns, Vec<Option<usize>>)>,
}

/// Time columns are UTC whatever the session's zone.
pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

impl Shape {
    pub(crate) fn new(topic: &str, descriptor: Option<&TypeDescriptor>) -> Self {
        let mut fields = vec![
            Field::new("time", time_type(), false),
            Field::new("point", DataType::Utf8, false),
        ];
        let mut sources = vec![Source::Time, Source::Point];
        let (mut values, mut keys) = (None, None);
        match descriptor {
            None => {
                fields.push(Field::new("size", DataType::Int64, false));
                fields.push(Field::new("payload", DataType::Binary, false));
                sources.extend([Source::Size, Source::Payload]);
            }
            Some(descriptor) => {
                let handle: TypeHandle = Arc::new(descriptor.clone());
                let columns = Columns::new(&handle);
                let mut taken: HashSet<String> = ["time", "point"].map(String::from).into();
                for (index, column) in columns.columns().iter().enumerate() {
                    // The key member `point` is what the point column shows already.
                    if column.name == "point" && column.key && column.ty == ColumnType::Text {
                        continue;
                    }
                    fields.push(field(column, &mut taken));
                    sources.push(Source::Value(index));
                }
                keys = key_columns(&handle, &columns);
                values = Some(columns);
            }
        }
        Self {
            topic: topic.to_owned(),
            schema: Arc::new(Schema::new(fields)),
            sources,
            values,
            keys,
        }
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
    // Nullable: an optional member, a dispose without that member, a sample that does not decode.
    Field::new(name, ty, true).with_metadata(metadata)
}

/// Columns of the key alone, as the payload of a dispose carries it (DDS-XTypes 1.3, 7.6.8).
fn key_columns(handle: &TypeHandle, all: &Columns) -> Option<(Columns, Vec<Option<usize>>)> {
    let mut key_only = (**handle).clone();
    let Some(Definition::Struct { members, .. }) = key_only.types.get_mut(&handle.name) else {
        return None;
    };
    members.retain(|member| member.key);
    if members.is_empty() {
        return None;
    }
    let columns = Columns::new(&Arc::new(key_only));
    let index = columns
        .columns()
        .iter()
        .map(|key| all.columns().iter().position(|column| column.name == key.name))
        .collect();
    Some((columns, index))
}
