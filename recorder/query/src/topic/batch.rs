//! Rows on their way into an Arrow batch: no dynamic value in between.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, PrimitiveArray, RecordBatch, RecordBatchOptions,
    StringArray,
};
use datafusion::arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int64Type, SchemaRef, TimestampNanosecondType,
    UInt64Type,
};
use datafusion::error::Result;
use tidewire_idl::Sample;
use tidewire_idl::cdr::{ColumnSink, ColumnType};

use super::shape::{Shape, Source, Variant};

/// Collects the projected columns of samples until a batch is full.
pub(crate) struct BatchBuilder {
    shape: Arc<Shape>,
    schema: SchemaRef,
    sources: Vec<Source>,
    columns: Vec<ColumnBuffer>,
    /// Projected column of each value column; what is not wanted is decoded past.
    wanted: Vec<Option<usize>>,
    decodes: bool,
    rows: usize,
    undecodable: u64,
}

impl BatchBuilder {
    /// `projection` indexes the shape's schema; `schema` is the projected one.
    pub(crate) fn new(shape: Arc<Shape>, schema: SchemaRef, projection: &[usize]) -> Self {
        let sources: Vec<Source> = projection.iter().map(|i| shape.sources[*i]).collect();
        let values = shape.values.as_ref().map(|v| v.columns()).unwrap_or_default();
        let mut wanted = vec![None; values.len()];
        let mut columns = Vec::with_capacity(sources.len());
        for (at, source) in sources.iter().enumerate() {
            columns.push(ColumnBuffer::new(match source {
                Source::Time => Data::Time(Vec::new()),
                Source::Size => Data::I64(Vec::new()),
                Source::Point => Data::Text(Bytes::default()),
                Source::Payload => Data::Bytes(Bytes::default()),
                Source::Value(index) => {
                    wanted[*index] = Some(at);
                    Data::of(values[*index].ty)
                }
            }));
        }
        let decodes = wanted.iter().any(Option::is_some);
        Self { shape, schema, sources, columns, wanted, decodes, rows: 0, undecodable: 0 }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Samples whose payload did not decode as the recorded type; their value columns are NULL.
    pub(crate) fn undecodable(&self) -> u64 {
        self.undecodable
    }

    /// Whether a row needs more than its number: else chunk headers can be counted.
    pub(crate) fn needs_samples(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Adds `count` rows that have no column.
    pub(crate) fn count(&mut self, count: usize) {
        self.rows += count;
    }

    /// Adds one data sample; `variant` reads it if its type was described otherwise.
    pub(crate) fn push(&mut self, sample: &Sample, variant: Option<&Variant>) {
        for (source, column) in self.sources.iter().zip(&mut self.columns) {
            match source {
                Source::Time => column.time(sample.info.source_time),
                Source::Point => column.bytes(sample.info.point.as_bytes()),
                Source::Size => column.i64(sample.payload.len() as i64),
                Source::Payload => column.bytes(&sample.payload),
                Source::Value(_) => {}
            }
        }
        if self.decodes {
            self.decode(sample, variant);
        }
        self.rows += 1;
    }

    fn decode(&mut self, sample: &Sample, variant: Option<&Variant>) {
        let shape = self.shape.clone();
        let index = variant.map(|v| v.index.as_slice());
        let mut sink = Sink { columns: &mut self.columns, wanted: &self.wanted, index };
        let columns = match variant {
            Some(variant) => variant.columns.as_ref(),
            None => shape.values.as_ref(),
        };
        let done = columns.is_some_and(|c| c.read(&sample.payload, &mut sink).is_ok());
        if !done {
            self.undecodable += 1;
        }
        for (source, column) in self.sources.iter().zip(&mut self.columns) {
            if matches!(source, Source::Value(_)) {
                if !done {
                    column.truncate(self.rows);
                }
                column.pad(self.rows + 1);
            }
        }
    }

    /// Takes the rows so far as one batch.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let arrays = self.columns.iter_mut().map(ColumnBuffer::finish).collect();
        self.rows = 0;
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?)
    }
}

/// Hands the decoder's columns to the projected buffers.
struct Sink<'a> {
    columns: &'a mut [ColumnBuffer],
    wanted: &'a [Option<usize>],
    /// Value column of each column of a variant.
    index: Option<&'a [Option<usize>]>,
}

impl Sink<'_> {
    #[inline]
    fn at(&mut self, col: usize) -> Option<&mut ColumnBuffer> {
        let value = match self.index {
            None => col,
            Some(index) => (*index.get(col)?)?,
        };
        let column = (*self.wanted.get(value)?)?;
        self.columns.get_mut(column)
    }
}

impl ColumnSink for Sink<'_> {
    fn null(&mut self, col: usize) {
        if let Some(column) = self.at(col) {
            column.null();
        }
    }

    fn bool(&mut self, col: usize, v: bool) {
        if let Some(column) = self.at(col) {
            column.bool(v);
        }
    }

    fn i64(&mut self, col: usize, v: i64) {
        if let Some(column) = self.at(col) {
            column.i64(v);
        }
    }

    fn u64(&mut self, col: usize, v: u64) {
        if let Some(column) = self.at(col) {
            column.u64(v);
        }
    }

    fn f32(&mut self, col: usize, v: f32) {
        if let Some(column) = self.at(col) {
            column.f32(v);
        }
    }

    fn f64(&mut self, col: usize, v: f64) {
        if let Some(column) = self.at(col) {
            column.f64(v);
        }
    }

    fn text(&mut self, col: usize, v: &str) {
        if let Some(column) = self.at(col) {
            column.bytes(v.as_bytes());
        }
    }

    fn bytes(&mut self, col: usize, v: &[u8]) {
        if let Some(column) = self.at(col) {
            column.bytes(v);
        }
    }
}

/// Values end to end with their end offsets.
#[derive(Default)]
struct Bytes {
    ends: Vec<i32>,
    data: Vec<u8>,
}

enum Data {
    Bool(Vec<bool>),
    Time(Vec<i64>),
    I64(Vec<i64>),
    U64(Vec<u64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text(Bytes),
    Bytes(Bytes),
}

impl Data {
    fn of(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Bool => Self::Bool(Vec::new()),
            ColumnType::I64 => Self::I64(Vec::new()),
            ColumnType::U64 => Self::U64(Vec::new()),
            ColumnType::F32 => Self::F32(Vec::new()),
            ColumnType::F64 => Self::F64(Vec::new()),
            ColumnType::Text | ColumnType::Json => Self::Text(Bytes::default()),
            ColumnType::Bytes => Self::Bytes(Bytes::default()),
        }
    }
}

/// One column under construction. Unlike Arrow's builders it can be cut back, which a sample that
/// fails half-way needs.
struct ColumnBuffer {
    data: Data,
    valid: Vec<bool>,
    nulls: bool,
}

impl ColumnBuffer {
    fn new(data: Data) -> Self {
        Self { data, valid: Vec::new(), nulls: false }
    }

    fn time(&mut self, v: i64) {
        if let Data::Time(values) = &mut self.data {
            values.push(v);
            self.valid.push(true);
        }
    }

    fn bool(&mut self, v: bool) {
        if let Data::Bool(values) = &mut self.data {
            values.push(v);
            self.valid.push(true);
        }
    }

    fn i64(&mut self, v: i64) {
        if let Data::I64(values) = &mut self.data {
            values.push(v);
            self.valid.push(true);
        }
    }

    fn u64(&mut self, v: u64) {
        if let Data::U64(values) = &mut self.data {
            values.push(v);
            self.valid.push(true);
        }
    }

    fn f32(&mut self, v: f32) {
        if let Data::F32(values) = &mut self.data {
            values.push(v);
            self.valid.push(true);
        }
    }

    fn f64(&mut self, v: f64) {
        if let Data::F64(values) = &mut self.data {
            values.push(v);
            self.valid.push(true);
        }
    }

    fn bytes(&mut self, v: &[u8]) {
        if let Data::Text(bytes) | Data::Bytes(bytes) = &mut self.data {
            bytes.data.extend_from_slice(v);
            bytes.ends.push(bytes.data.len() as i32);
            self.valid.push(true);
        }
    }

    fn null(&mut self) {
        match &mut self.data {
            Data::Bool(values) => values.push(false),
            Data::Time(values) | Data::I64(values) => values.push(0),
            Data::U64(values) => values.push(0),
            Data::F32(values) => values.push(0.0),
            Data::F64(values) => values.push(0.0),
            Data::Text(bytes) | Data::Bytes(bytes) => bytes.ends.push(bytes.data.len() as i32),
        }
        self.valid.push(false);
        self.nulls = true;
    }

    /// Forgets rows from `rows` on.
    fn truncate(&mut self, rows: usize) {
        self.valid.truncate(rows);
        match &mut self.data {
            Data::Bool(values) => values.truncate(rows),
            Data::Time(values) | Data::I64(values) => values.truncate(rows),
            Data::U64(values) => values.truncate(rows),
            Data::F32(values) => values.truncate(rows),
            Data::F64(values) => values.truncate(rows),
            Data::Text(bytes) | Data::Bytes(bytes) => {
                bytes.ends.truncate(rows);
                bytes.data.truncate(bytes.ends.last().map_or(0, |end| *end as usize));
            }
        }
    }

    /// Fills with NULL up to `rows`: what the decoder did not mention is absent.
    fn pad(&mut self, rows: usize) {
        while self.valid.len() < rows {
            self.null();
        }
    }

    /// The column as an array; the buffer is empty afterwards.
    fn finish(&mut self) -> ArrayRef {
        let valid = std::mem::take(&mut self.valid);
        let nulls = std::mem::take(&mut self.nulls).then(|| NullBuffer::from(valid));
        match &mut self.data {
            Data::Bool(values) => {
                let bits = BooleanBuffer::from(std::mem::take(values));
                Arc::new(BooleanArray::new(bits, nulls))
            }
            Data::Time(values) => {
                let array = primitive::<TimestampNanosecondType>(std::mem::take(values), nulls);
                Arc::new(array.with_timezone("UTC"))
            }
            Data::I64(values) => Arc::new(primitive::<Int64Type>(std::mem::take(values), nulls)),
            Data::U64(values) => Arc::new(primitive::<UInt64Type>(std::mem::take(values), nulls)),
            Data::F32(values) => Arc::new(primitive::<Float32Type>(std::mem::take(values), nulls)),
            Data::F64(values) => Arc::new(primitive::<Float64Type>(std::mem::take(values), nulls)),
            Data::Text(bytes) => {
                let (offsets, data) = std::mem::take(bytes).buffers();
                // Every value came from a `str`.
                match StringArray::try_new(offsets.clone(), data.clone(), nulls.clone()) {
                    Ok(array) => Arc::new(array),
                    Err(_) => Arc::new(StringArray::new_null(offsets.len() - 1)),
                }
            }
            Data::Bytes(bytes) => {
                let (offsets, data) = std::mem::take(bytes).buffers();
                Arc::new(BinaryArray::new(offsets, data, nulls))
            }
        }
    }
}

impl Bytes {
    fn buffers(self) -> (OffsetBuffer<i32>, Buffer) {
        let mut offsets = Vec::with_capacity(self.ends.len() + 1);
        offsets.push(0);
        offsets.extend(self.ends);
        (OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(self.data))
    }
}

fn primitive<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> PrimitiveArray<T> {
    PrimitiveArray::new(ScalarBuffer::from(values), nulls)
}
