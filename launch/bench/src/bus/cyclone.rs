use std::ffi::CStr;
use std::ptr;

use cyclors as c;

use crate::BenchError;
use crate::contender::{Contender, Endpoint, Role};

/// Raw Cyclone DDS: its C interface, serialised samples on the `blob` type that `cyclors` brings, a
/// waitset to wait for them; RELIABLE, KEEP_ALL, no key.
pub struct Raw<const N: usize> {
    pub domain: u16,
    /// Several samples in a packet.
    pub packed: bool,
}

/// Bytes of the encapsulation header.
const HEADER: usize = 4;

struct End<const N: usize> {
    participant: c::dds_entity_t,
    writer: c::dds_entity_t,
    reader: c::dds_entity_t,
    waitset: c::dds_entity_t,
    ty: *const c::ddsi_sertype,
    buffer: Vec<u8>,
    /// Samples sent, if they are packed.
    sent: Option<usize>,
}

fn check(code: c::dds_return_t) -> Result<c::dds_return_t, BenchError> {
    if code >= 0 {
        return Ok(code);
    }
    // SAFETY: the function knows every number and returns a static string.
    let text = unsafe { CStr::from_ptr(c::dds_strretcode(code)) };
    Err(BenchError { bench: "bus", what: format!("Cyclone DDS: {}", text.to_string_lossy()) })
}

impl<const N: usize> Contender for Raw<N> {
    fn endpoint(&self, role: Role) -> Result<Box<dyn Endpoint + '_>, BenchError> {
        let (out, back) = match role {
            Role::Ping => (c"ping", c"pong"),
            Role::Pong => (c"pong", c"ping"),
        };
        // SAFETY: all arguments are valid; strings and policies are copied. What is left when a call
        // fails goes with the process.
        unsafe {
            let none = ptr::null();
            let participant =
                check(c::dds_create_participant(self.domain.into(), none, ptr::null()))?;
            let qos = c::dds_create_qos();
            let reliable = c::dds_reliability_kind_DDS_RELIABILITY_RELIABLE;
            c::dds_qset_reliability(qos, reliable, 1_000_000_000);
            c::dds_qset_history(qos, c::dds_history_kind_DDS_HISTORY_KEEP_ALL, -1);
            c::dds_qset_writer_batching(qos, self.packed);
            let topic = |name: &CStr| {
                let ty = c"bench::Block".as_ptr().cast_mut();
                check(c::cdds_create_blob_topic(participant, name.as_ptr().cast_mut(), ty, true))
            };
            let writer = check(c::dds_create_writer(participant, topic(out)?, qos, ptr::null()))?;
            let reader = check(c::dds_create_reader(participant, topic(back)?, qos, ptr::null()))?;
            c::dds_delete_qos(qos);
            check(c::dds_set_status_mask(
                reader,
                1 << c::dds_status_id_DDS_DATA_AVAILABLE_STATUS_ID,
            ))?;
            let waitset = check(c::dds_create_waitset(participant))?;
            check(c::dds_waitset_attach(waitset, reader, 0))?;
            let mut ty = ptr::null();
            check(c::dds_get_entity_sertype(writer, &mut ty))?;
            let mut buffer = vec![0; HEADER + N];
            buffer[1] = 1;
            let sent = self.packed.then_some(0);
            Ok(Box::new(End::<N> { participant, writer, reader, waitset, ty, buffer, sent }))
        }
    }
}

impl<const N: usize> End<N> {
    fn take(&mut self) -> Result<Option<u64>, BenchError> {
        let mut serdata = ptr::null_mut();
        let any = c::DDS_ANY_STATE;
        // SAFETY: there is room for one sample, which is given back after its bytes were read.
        unsafe {
            let mut info: c::dds_sample_info = std::mem::zeroed();
            if check(c::dds_takecdr(self.reader, &mut serdata, 1, &mut info, any))? == 0 {
                return Ok(None);
            }
            let mut part = c::ddsrt_iovec_t { iov_base: ptr::null_mut(), iov_len: 0 };
            let size = c::ddsi_serdata_size(serdata) as usize;
            let held = c::ddsi_serdata_to_ser_ref(serdata, 0, size, &mut part);
            let bytes = std::slice::from_raw_parts(part.iov_base.cast::<u8>(), part.iov_len);
            let sum = super::sum(&bytes[HEADER.min(bytes.len())..]);
            c::ddsi_serdata_to_ser_unref(held, &part);
            c::ddsi_serdata_unref(serdata);
            Ok(Some(sum))
        }
    }
}

impl<const N: usize> Endpoint for End<N> {
    fn send(&mut self, fill: u8) -> Result<(), BenchError> {
        self.buffer[HEADER..].fill(fill);
        let (at, size) = (self.buffer.as_mut_ptr(), self.buffer.len());
        let part = c::ddsrt_iovec_t { iov_base: at.cast(), iov_len: size };
        // SAFETY: the bytes are copied; the sample is handed over.
        let result = unsafe {
            let kind = c::ddsi_serdata_kind_SDK_DATA;
            let serdata = c::ddsi_serdata_from_ser_iov(self.ty, kind, 1, &part, size);
            c::dds_writecdr(self.writer, serdata)
        };
        check(result)?;
        if let Some(sent) = &mut self.sent {
            *sent += 1;
            if sent.is_multiple_of(super::PACKED) {
                // SAFETY: the writer is ours.
                check(unsafe { c::dds_write_flush(self.writer) })?;
            }
        }
        Ok(())
    }

    fn poll(&mut self) -> Result<Option<u64>, BenchError> {
        if let Some(sum) = self.take()? {
            return Ok(Some(sum));
        }
        // SAFETY: no triggers are asked for.
        let waited = unsafe {
            c::dds_waitset_wait(self.waitset, ptr::null_mut(), 0, super::WAIT.as_nanos() as i64)
        };
        check(waited)?;
        self.take()
    }

    fn connected(&mut self) -> bool {
        // SAFETY: no room for handles is given, so none are written.
        unsafe {
            c::dds_get_matched_subscriptions(self.writer, ptr::null_mut(), 0) > 0
                && c::dds_get_matched_publications(self.reader, ptr::null_mut(), 0) > 0
        }
    }
}

impl<const N: usize> Drop for End<N> {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { c::dds_delete(self.participant) };
    }
}
