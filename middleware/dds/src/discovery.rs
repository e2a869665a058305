//! RustDDS's discovery events in our words.

use std::sync::Arc;

use rustdds::{DomainParticipantStatusEvent as Status, EndpointDescription, GUID};
use tidewire_idl::Guid;
use tidewire_transport::dds::{DdsEvent, RemoteEndpoint, RemoteParticipant};

use crate::qos::from_policies;

pub(crate) fn guid(guid: GUID) -> Guid {
    Guid(guid.to_bytes())
}

fn endpoint(description: EndpointDescription, writer: bool) -> RemoteEndpoint {
    let mut qos = from_policies(&description.qos, writer);
    // Partition, topic and group data are not read by RustDDS 0.15.1.
    qos.user_data = octets(&description.user_data);
    RemoteEndpoint {
        guid: guid(description.guid),
        topic: description.topic_name,
        type_name: description.type_name,
        type_hash: None,
        qos,
    }
}

/// The octets of a parameter that RustDDS hands on as it came: their number, themselves, and what is
/// missing to a multiple of four (RTPS 2.5, 9.4.2.11). It does not tell the byte order, but only one makes
/// the length fit; what fits neither is no octet sequence.
fn octets(parameter: &[u8]) -> Vec<u8> {
    let Some((len, rest)) = parameter.split_first_chunk::<4>() else { return Vec::new() };
    [u32::from_le_bytes(*len), u32::from_be_bytes(*len)]
        .into_iter()
        .map(|len| len as usize)
        .find(|len| *len <= rest.len() && rest.len() - len < 4)
        .map_or_else(Vec::new, |len| rest[..len].to_vec())
}

/// Discovery's own endpoints (RTPS 2.5, 9.3.1.2) are nobody's business.
fn builtin(guid: &Guid) -> bool {
    guid.0[15] & 0xc0 != 0
}

/// Our view of a RustDDS status event; `None` for those of no interest outside RustDDS.
pub(crate) fn translate(status: Status) -> Option<DdsEvent> {
    let event = convert(status)?;
    let of_builtin = match &event {
        DdsEvent::ReaderFound(endpoint) | DdsEvent::WriterFound(endpoint) => {
            builtin(&endpoint.guid)
        }
        DdsEvent::EndpointLost(guid) => builtin(guid),
        DdsEvent::Matched { local, .. } | DdsEvent::Incompatible { local, .. } => builtin(local),
        _ => false,
    };
    (!of_builtin).then_some(event)
}

fn convert(status: Status) -> Option<DdsEvent> {
    Some(match status {
        Status::ParticipantDiscovered { dpd } => DdsEvent::ParticipantFound(RemoteParticipant {
            prefix: guid(dpd.guid).prefix(),
            name: dpd.entity_name.filter(|name| !name.is_empty()).map(Arc::from),
            vendor: dpd.vendor_id.vendor_id,
        }),
        Status::ParticipantLost { id, .. } => {
            let of = GUID { prefix: id, ..GUID::GUID_UNKNOWN };
            DdsEvent::ParticipantLost(guid(of).prefix())
        }
        Status::ReaderDetected { reader } => DdsEvent::ReaderFound(endpoint(reader, false)),
        Status::WriterDetected { writer } => DdsEvent::WriterFound(endpoint(writer, true)),
        Status::ReaderLost { guid: id, .. } | Status::WriterLost { guid: id, .. } => {
            DdsEvent::EndpointLost(guid(id))
        }
        Status::RemoteReaderMatched { local_writer, remote_reader } => {
            DdsEvent::Matched { local: guid(local_writer), remote: guid(remote_reader) }
        }
        Status::RemoteWriterMatched { local_reader, remote_writer } => {
            DdsEvent::Matched { local: guid(local_reader), remote: guid(remote_writer) }
        }
        Status::RemoteReaderQosIncompatible {
            local_writer,
            remote_reader,
            requested_qos,
            offered_qos,
        } => DdsEvent::Incompatible {
            local: guid(local_writer),
            remote: guid(remote_reader),
            offered: Box::new(from_policies(&offered_qos, true)),
            requested: Box::new(from_policies(&requested_qos, false)),
        },
        Status::RemoteWriterQosIncompatible {
            local_reader,
            remote_writer,
            requested_qos,
            offered_qos,
        } => DdsEvent::Incompatible {
            local: guid(local_reader),
            remote: guid(remote_writer),
            offered: Box::new(from_policies(&offered_qos, true)),
            requested: Box::new(from_policies(&requested_qos, false)),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::octets;

    #[test]
    fn octets_are_read_in_either_byte_order_without_their_padding() {
        assert_eq!(octets(b"\x05\0\0\0hello\0\0\0"), b"hello");
        assert_eq!(octets(b"\0\0\0\x04four"), b"four");
        for none in [&b""[..], b"\x01\0", b"\0\0\0\0", b"\x09\0\0\0short"] {
            assert_eq!(octets(none), b"");
        }
    }
}
