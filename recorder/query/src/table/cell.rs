//! One value of a result, read from its Arrow array.

use std::borrow::Cow;

use datafusion::arrow::array::{
    Array, AsArray, BinaryArray, LargeBinaryArray, RecordBatch, StructArray,
};
use datafusion::arrow::datatypes::{
    DataType, Field, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value;

use super::time::rfc3339;

/// A value as the renderers need it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    F32(f32),
    F64(f64),
    Text(Cow<'a, str>),
    /// JSON text of a sequence, union or large array.
    Json(&'a str),
    /// List or struct made by the query.
    Nested(Value),
}

impl Cell<'_> {
    /// For people and CSV: shortest text that reads back to the same number; empty for NULL.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Cell::Null => Cow::Borrowed(""),
            Cell::Bool(v) => Cow::Borrowed(if *v { "true" } else { "false" }),
            Cell::Int(v) => Cow::Owned(v.to_string()),
            Cell::UInt(v) => Cow::Owned(v.to_string()),
            Cell::F32(v) => Cow::Owned(v.to_string()),
            Cell::F64(v) => Cow::Owned(float_text(*v)),
            Cell::Text(v) => Cow::Borrowed(v),
            Cell::Json(v) => Cow::Borrowed(v),
            Cell::Nested(v) => Cow::Owned(v.to_string()),
        }
    }

    /// For machines. JSON has no NaN or infinity (RFC 8259, 6): they become `null`.
    pub(crate) fn json(&self) -> Value {
        match self {
            Cell::Null => Value::Null,
            Cell::Bool(v) => Value::Bool(*v),
            Cell::Int(v) => Value::from(*v),
            Cell::UInt(v) => Value::from(*v),
            // Through the decimal text, so that 0.1f32 prints as 0.1 and not 0.10000000149011612.
            Cell::F32(v) => v.to_string().parse::<f64>().map(Value::from).unwrap_or(Value::Null),
            Cell::F64(v) => Value::from(*v),
            Cell::Text(v) => Value::String(v.to_string()),
            Cell::Json(v) => {
                serde_json::from_str(v).unwrap_or_else(|_| Value::String((*v).to_owned()))
            }
            Cell::Nested(v) => v.clone(),
        }
    }

    /// Numbers are set flush right.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Cell::Int(_) | Cell::UInt(_) | Cell::F32(_) | Cell::F64(_))
    }
}

fn float_text(v: f64) -> String {
    let magnitude = v.abs();
    if magnitude != 0.0 && !(1e-5..1e16).contains(&magnitude) {
        format!("{v:e}")
    } else {
        v.to_string()
    }
}

/// Field metadata key that marks a text column as JSON.
pub(crate) const JSON_MARK: &str = "tidewire.json";

/// Reads column `column` of row `row`.
pub(crate) fn cell(batch: &RecordBatch, column: usize, row: usize) -> Cell<'_> {
    let schema = batch.schema_ref();
    let field = schema.field(column);
    read(batch.column(column).as_ref(), field, row)
}

fn read<'a>(array: &'a dyn Array, field: &Field, row: usize) -> Cell<'a> {
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Null => Cell::Null,
        DataType::Boolean => Cell::Bool(array.as_boolean().value(row)),
        DataType::Int8 => Cell::Int(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Cell::Int(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Cell::Int(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Cell::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => Cell::UInt(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Cell::UInt(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Cell::UInt(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => Cell::UInt(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float16 => Cell::F32(array.as_primitive::<Float16Type>().value(row).to_f32()),
        DataType::Float32 => Cell::F32(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Cell::F64(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => text(array.as_string::<i32>().value(row), field),
        DataType::LargeUtf8 => text(array.as_string::<i64>().value(row), field),
        DataType::Utf8View => text(array.as_string_view().value(row), field),
        DataType::Binary => hex(array.as_any().downcast_ref::<BinaryArray>().map(|a| a.value(row))),
        DataType::LargeBinary => {
            hex(array.as_any().downcast_ref::<LargeBinaryArray>().map(|a| a.value(row)))
        }
        DataType::BinaryView => hex(Some(array.as_binary_view().value(row))),
        DataType::Timestamp(unit, _) => {
            Cell::Text(Cow::Owned(rfc3339(nanoseconds(array, *unit, row))))
        }
        DataType::List(inner) => nested(array.as_list::<i32>().value(row).as_ref(), inner),
        DataType::LargeList(inner) => nested(array.as_list::<i64>().value(row).as_ref(), inner),
        DataType::FixedSizeList(inner, _) => {
            nested(array.as_fixed_size_list().value(row).as_ref(), inner)
        }
        DataType::Struct(_) => Cell::Nested(object(array.as_struct(), row)),
        // Dates, intervals, decimals, maps: Arrow's own text.
        _ => match ArrayFormatter::try_new(array, &FormatOptions::default()) {
            Ok(formatter) => Cell::Text(Cow::Owned(formatter.value(row).to_string())),
            Err(_) => Cell::Null,
        },
    }
}

fn text<'a>(value: &'a str, field: &Field) -> Cell<'a> {
    if field.metadata().contains_key(JSON_MARK) {
        Cell::Json(value)
    } else {
        Cell::Text(Cow::Borrowed(value))
    }
}

fn hex(bytes: Option<&[u8]>) -> Cell<'static> {
    use std::fmt::Write;
    let bytes = bytes.unwrap_or_default();
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Cell::Text(Cow::Owned(text))
}

fn nanoseconds(array: &dyn Array, unit: TimeUnit, row: usize) -> i128 {
    match unit {
        TimeUnit::Second => {
            i128::from(array.as_primitive::<TimestampSecondType>().value(row)) * 1_000_000_000
        }
        TimeUnit::Millisecond => {
            i128::from(array.as_primitive::<TimestampMillisecondType>().value(row)) * 1_000_000
        }
        TimeUnit::Microsecond => {
            i128::from(array.as_primitive::<TimestampMicrosecondType>().value(row)) * 1_000
        }
        TimeUnit::Nanosecond => {
            i128::from(array.as_primitive::<TimestampNanosecondType>().value(row))
        }
    }
}

fn nested(values: &dyn Array, field: &Field) -> Cell<'static> {
    let items = (0..values.len()).map(|i| read(values, field, i).json()).collect();
    Cell::Nested(Value::Array(items))
}

fn object(array: &StructArray, row: usize) -> Value {
    let fields = array.fields().iter().zip(array.columns());
    Value::Object(
        fields.map(|(f, c)| (f.name().clone(), read(c.as_ref(), f, row).json())).collect(),
    )
}
