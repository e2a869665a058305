//! Cyclone's discovery topics, read into what is known of the domain.

use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;

use cyclors::{
    DDS_BUILTIN_TOPIC_DCPSPARTICIPANT, DDS_BUILTIN_TOPIC_DCPSPUBLICATION,
    DDS_BUILTIN_TOPIC_DCPSSUBSCRIPTION, dds_builtintopic_endpoint_t,
    dds_builtintopic_participant_t, dds_entity_t, dds_instance_handle_t,
    dds_instance_state_DDS_IST_ALIVE, dds_sample_info,
};
use tidewire_transport::dds::{DdsEvent, RemoteEndpoint, RemoteParticipant};

use crate::callback;
use crate::endpoint::{Listener, shared};
use crate::security;
use crate::shared::{Note, Shared};
use crate::sys::{check, guid_shown, vendor_of};
use crate::{qos, types};

/// Samples taken at a time.
const BATCH: usize = 32;

/// The listeners of the discovery readers; the readers go with their participant.
pub(crate) struct Builtin {
    _listeners: [Listener; 3],
}

type Call = unsafe extern "C" fn(dds_entity_t, *mut c_void);

impl Builtin {
    /// Reads what is known already, and is called with all that comes.
    pub fn start(participant: dds_entity_t, shared: &Arc<Shared>) -> Result<Self, String> {
        let start = |topic, call: Call| {
            let listener = Listener::new(shared);
            // SAFETY: the listener is valid, its argument lives until the participant has gone.
            unsafe {
                listener.set(|listener| cyclors::dds_lset_data_available(listener, Some(call)));
                let calls = listener.as_ptr();
                let reader =
                    check(cyclors::dds_create_reader(participant, topic, std::ptr::null(), calls))?;
                // What was there before the reader does not call.
                call(reader, Arc::as_ptr(shared).cast_mut().cast());
            }
            Ok::<_, String>(listener)
        };
        Ok(Self {
            _listeners: [
                start(DDS_BUILTIN_TOPIC_DCPSPARTICIPANT, participants)?,
                start(DDS_BUILTIN_TOPIC_DCPSPUBLICATION, publications)?,
                start(DDS_BUILTIN_TOPIC_DCPSSUBSCRIPTION, subscriptions)?,
            ],
        })
    }
}

/// Takes all samples of a discovery topic: the data, its handle, and whether it is there still.
fn take<T>(reader: dds_entity_t, mut each: impl FnMut(&T, dds_instance_handle_t, bool)) {
    loop {
        let mut samples = [std::ptr::null_mut::<c_void>(); BATCH];
        // SAFETY: numbers only, for which zero is a value.
        let mut infos: [dds_sample_info; BATCH] = unsafe { std::mem::zeroed() };
        // SAFETY: both arrays have `BATCH` places. With null in them Cyclone lends the samples, which
        // are of the discovery topic's type, `T`.
        unsafe {
            let (at, about) = (samples.as_mut_ptr(), infos.as_mut_ptr());
            let count = cyclors::dds_take(reader, at, about, BATCH, BATCH as u32);
            let Ok(count) = usize::try_from(count) else { return };
            if count == 0 {
                return;
            }
            for (sample, info) in samples.iter().zip(&infos).take(count) {
                let alive =
                    info.valid_data && info.instance_state == dds_instance_state_DDS_IST_ALIVE;
                each(&*sample.cast::<T>(), info.instance_handle, alive);
            }
            cyclors::dds_return_loan(reader, at, count as i32);
        }
    }
}

unsafe extern "C" fn participants(reader: dds_entity_t, argument: *mut c_void) {
    let _inside = callback::enter();
    // SAFETY: our listener.
    let shared = unsafe { shared(argument) };
    take(reader, |participant: &dds_builtintopic_participant_t, _, alive| {
        let prefix = guid_shown(&participant.key).prefix();
        if prefix == shared.prefix {
            // Cyclone deletes it, with its endpoints, under their handles: nobody may use those again.
            if !alive && shared.secured {
                shared.fail(security::EXPIRED);
            }
            return;
        }
        shared.discover(if alive {
            // SAFETY: a sample with data has policies.
            let name = unsafe { qos::entity_name(participant.qos) };
            DdsEvent::ParticipantFound(RemoteParticipant {
                prefix,
                name: name.map(Into::into),
                vendor: vendor_of(&prefix),
            })
        } else {
            shared.types.lock().retain(|guid, _| guid.prefix() != prefix);
            DdsEvent::ParticipantLost(prefix)
        });
    });
}

unsafe extern "C" fn publications(reader: dds_entity_t, argument: *mut c_void) {
    // SAFETY: our listener.
    endpoints(reader, unsafe { shared(argument) }, true);
}

unsafe extern "C" fn subscriptions(reader: dds_entity_t, argument: *mut c_void) {
    // SAFETY: our listener.
    endpoints(reader, unsafe { shared(argument) }, false);
}

fn endpoints(reader: dds_entity_t, shared: &Shared, writer: bool) {
    let _inside = callback::enter();
    take(reader, |endpoint: &dds_builtintopic_endpoint_t, handle, alive| {
        let guid = guid_shown(&endpoint.key);
        // Ours match each other too.
        match alive {
            true => shared.matches.found(handle, guid),
            false => shared.matches.lost(handle),
        }
        if guid.prefix() == shared.prefix {
            if alive {
                // SAFETY: a sample with data has names.
                review_on(shared, &unsafe { text(endpoint.topic_name) }, writer);
            }
            return;
        }
        if !alive {
            shared.types.lock().remove(&guid);
            shared.discover(DdsEvent::EndpointLost(guid));
            return;
        }
        let ty = types::announced(endpoint);
        let type_hash = ty.as_ref().and_then(types::TypeInfo::minimal);
        if let Some(info) = ty {
            shared.types.lock().insert(guid, info);
        }
        // SAFETY: a sample with data has names and policies.
        let found = unsafe {
            RemoteEndpoint {
                guid,
                topic: text(endpoint.topic_name),
                type_name: text(endpoint.type_name),
                type_hash,
                qos: qos::announced(endpoint.qos, writer),
            }
        };
        let topic = found.topic.clone();
        shared.discover(if writer {
            DdsEvent::WriterFound(found)
        } else {
            DdsEvent::ReaderFound(found)
        });
        review_on(shared, &topic, writer);
    });
}

/// Cyclone's word of a match or a misfit with a writer, or a reader, on `topic` may have come before the word
/// that it is there.
fn review_on(shared: &Shared, topic: &str, writer: bool) {
    let own = shared.own.lock();
    let meet = own.iter().filter(|(_, own)| own.writer != writer && own.topic == topic);
    let ours: Vec<_> = meet.map(|(entity, _)| *entity).collect();
    drop(own);
    ours.into_iter().for_each(|entity| shared.note(Note::Review(entity)));
}

/// # Safety
/// `text` is null or a C string.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
