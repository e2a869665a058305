//! RustDDS's readers of keyed topics.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use rustdds::ReadCondition;
use rustdds::with_key::{DataReader, DataReaderStream, DataSample, Sample};
use tidewire_idl::InstanceState;
use tidewire_transport::dds::DdsSample;

use crate::discovery::guid;
use crate::payload::{RawAdapter, RawData};
use crate::reader::fatal;
use crate::time::from_rtps;

type Reader = DataReader<RawData, RawAdapter>;
type Shared = Arc<Mutex<Reader>>;

/// A keyed reader takes a waker only as a stream, which gives one sample at a time, and walks all that wait
/// for each. So samples are taken from the reader inside, and the stream is asked when none is left.
pub(crate) struct KeyedReader(DataReaderStream<RawData, RawAdapter>);

// The stream has one field, `Shared`, in the version of RustDDS that the workspace is pinned to.
const _: () = assert!(
    size_of::<DataReaderStream<RawData, RawAdapter>>() == size_of::<Shared>()
        && align_of::<DataReaderStream<RawData, RawAdapter>>() == align_of::<Shared>()
);

impl KeyedReader {
    pub fn new(reader: Reader) -> Self {
        Self(reader.async_sample_stream())
    }

    fn shared(&self) -> &Shared {
        // SAFETY: the only field of the stream is a `Shared`, and as the stream is no larger, at its start.
        unsafe { &*(&raw const self.0).cast() }
    }

    /// Takes everything that has arrived.
    pub fn take(&self, batch: &mut Vec<DdsSample>, topic: &str) {
        let mut reader = self.shared().lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match reader.take(usize::MAX, ReadCondition::any()) {
                Ok(samples) => return batch.extend(samples.into_iter().map(translate)),
                Err(error) => {
                    tracing::warn!(topic, %error, "a sample that cannot be read was dropped");
                    if fatal(&error) {
                        return;
                    }
                }
            }
        }
    }

    /// Has `bell` called once at the next arrival, unless something has arrived: then there may be more. Whether
    /// it is hung up.
    pub fn hang_up(&mut self, bell: &Waker, batch: &mut Vec<DdsSample>, topic: &str) -> bool {
        match Pin::new(&mut self.0).poll_next(&mut Context::from_waker(bell)) {
            Poll::Pending | Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(sample))) => {
                batch.push(translate(sample));
                false
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::warn!(topic, %error, "a sample that cannot be read was dropped");
                fatal(&error)
            }
        }
    }
}

fn translate(sample: DataSample<RawData>) -> DdsSample {
    let info = sample.sample_info();
    let id = info.sample_identity();
    let source_time = info.source_timestamp().map_or(0, from_rtps);
    let (key, state, payload) = match sample.into_value() {
        Sample::Value(data) => (data.key, InstanceState::Alive, data.payload),
        Sample::Dispose(key) => (key.hash, InstanceState::Disposed, key.payload),
    };
    DdsSample {
        writer: guid(id.writer_guid),
        sequence: i64::from(id.sequence_number) as u64,
        source_time,
        key,
        state,
        payload,
    }
}
