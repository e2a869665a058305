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
    RemoteEndpoint {
        guid: guid(description.guid),
        topic: description.topic_name,
        type_name: description.type_name,
        qos: from_policies(&description.qos, writer),
    }
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
