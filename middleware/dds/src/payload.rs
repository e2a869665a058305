//! Adapters that carry any encapsulation through RustDDS byte for byte.
//!
//! RustDDS asks a serializer adapter *type* for its encapsulation, once per sample and right after the
//! bytes, on the same thread (read in 0.15.1, and tested here). So the identifier of the payload at
//! hand waits in a thread-local between the two calls, and one writer can send them all.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use rustdds::{Keyed, RepresentationIdentifier, no_key, with_key};
use tidewire_idl::KeyHash;
use tidewire_transport::buffer;
use tidewire_transport::dds::{HEADER, Sink};

use crate::key::RawKey;

const ENCODINGS: [RepresentationIdentifier; 17] = [
    RepresentationIdentifier::CDR_BE,
    RepresentationIdentifier::CDR_LE,
    RepresentationIdentifier::PL_CDR_BE,
    RepresentationIdentifier::PL_CDR_LE,
    RepresentationIdentifier::XCDR2_BE,
    RepresentationIdentifier::XCDR2_LE,
    RepresentationIdentifier::D_CDR2_BE,
    RepresentationIdentifier::D_CDR2_LE,
    RepresentationIdentifier::PL_XCDR2_BE,
    RepresentationIdentifier::PL_XCDR2_LE,
    // RTPS 2.5 numbers the XCDR2 encapsulations otherwise than DDS-XTypes 1.3 does; both occur.
    RepresentationIdentifier::CDR2_BE,
    RepresentationIdentifier::CDR2_LE,
    RepresentationIdentifier::PL_CDR2_BE,
    RepresentationIdentifier::PL_CDR2_LE,
    RepresentationIdentifier::D_CDR_BE,
    RepresentationIdentifier::D_CDR_LE,
    RepresentationIdentifier::XML,
];

thread_local! {
    static ENCODING: Cell<RepresentationIdentifier> =
        const { Cell::new(RepresentationIdentifier::CDR_LE) };
    static SINK: RefCell<Option<Arc<dyn Sink>>> = const { RefCell::new(None) };
}

/// Runs `take` with `sink` as the one that knows keys.
pub(crate) fn with_sink<R>(sink: &Arc<dyn Sink>, take: impl FnOnce() -> R) -> R {
    struct Unset;
    impl Drop for Unset {
        fn drop(&mut self) {
            SINK.set(None);
        }
    }
    SINK.set(Some(sink.clone()));
    let _unset = Unset;
    take()
}

/// One data sample, header included.
#[derive(Clone, Debug)]
pub(crate) struct RawData {
    pub payload: Bytes,
    pub key: KeyHash,
}

impl Keyed for RawData {
    type K = RawKey;

    fn key(&self) -> RawKey {
        RawKey { hash: self.key, payload: Bytes::new() }
    }
}

/// Splits the header off and notes the identifier for [`RawAdapter::output_encoding`].
fn strip(payload: &Bytes) -> Bytes {
    let id =
        RepresentationIdentifier::from_bytes(payload).unwrap_or(RepresentationIdentifier::CDR_LE);
    ENCODING.set(id);
    payload.slice(HEADER.min(payload.len())..)
}

/// Puts the header back. RustDDS drops the two option bytes on both ways, so they are zero here.
fn restore(body: &[u8], id: RepresentationIdentifier) -> Bytes {
    let mut payload = buffer::with_room(HEADER + body.len());
    payload.extend_from_slice(&id.to_bytes());
    payload.extend_from_slice(&[0, 0]);
    payload.extend_from_slice(body);
    buffer::freeze(payload)
}

pub(crate) struct RawAdapter;

impl no_key::SerializerAdapter<RawData> for RawAdapter {
    type Error = Infallible;

    fn output_encoding() -> RepresentationIdentifier {
        ENCODING.get()
    }

    fn to_bytes(value: &RawData) -> Result<Bytes, Infallible> {
        Ok(strip(&value.payload))
    }
}

impl with_key::SerializerAdapter<RawData> for RawAdapter {
    fn key_to_bytes(key: &RawKey) -> Result<Bytes, Infallible> {
        Ok(strip(&key.payload))
    }
}

impl no_key::DeserializerAdapter<RawData> for RawAdapter {
    type Error = Infallible;
    type Decoded = RawData;

    fn supported_encodings() -> &'static [RepresentationIdentifier] {
        &ENCODINGS
    }

    fn transform_decoded(decoded: RawData) -> RawData {
        decoded
    }
}

impl with_key::DeserializerAdapter<RawData> for RawAdapter {
    type DecodedKey = RawKey;

    fn transform_decoded_key(decoded: RawKey) -> RawKey {
        decoded
    }
}

#[derive(Clone)]
pub(crate) struct RawDecoder;

impl<'de> no_key::Decode<'de, RawData> for RawDecoder {
    type Error = Infallible;

    fn decode_bytes(
        self,
        body: &'de [u8],
        id: RepresentationIdentifier,
    ) -> Result<RawData, Infallible> {
        let payload = restore(body, id);
        let key = SINK.with_borrow(|sink| sink.as_ref().map(|s| s.key_of(&payload)));
        Ok(RawData { payload, key: key.unwrap_or_default() })
    }
}

impl<'de> with_key::Decode<'de, RawData, RawKey> for RawDecoder {
    fn decode_key_bytes(
        self,
        body: &'de [u8],
        id: RepresentationIdentifier,
    ) -> Result<RawKey, Infallible> {
        let payload = restore(body, id);
        let hash = SINK.with_borrow(|sink| sink.as_ref().map(|s| s.key_of_disposed(&payload)));
        Ok(RawKey { hash: hash.unwrap_or_default(), payload })
    }
}

impl no_key::DefaultDecoder<RawData> for RawAdapter {
    type Decoder = RawDecoder;
    const DECODER: RawDecoder = RawDecoder;
}

impl with_key::DefaultDecoder<RawData> for RawAdapter {
    type Decoder = RawDecoder;
    const DECODER: RawDecoder = RawDecoder;
}
