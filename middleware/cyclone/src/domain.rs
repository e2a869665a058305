//! Cyclone's domains, one for each participant: a domain has one configuration and one network side, and
//! two participants of a process may want different ones, or to meet each other on the network.

use std::ffi::{CStr, CString, c_void};
use std::fmt::Write as _;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use cyclors::{
    DDS_LC_ERROR, DDS_LC_FATAL, DDS_RETCODE_PRECONDITION_NOT_MET, dds_entity_t, dds_log_data_t,
};
use tidewire_transport::dds::{DdsError, DdsOptions};

use crate::security::{self, Fault};
use crate::sys::reason;

/// Highest participant number of unicast discovery on one host: Cyclone's default, and with 250 ports
/// per domain (RTPS 2.5, 9.6.2.3) nearly all there are.
const MAX_INDEX: u32 = 99;

/// Bytes a RELIABLE writer may have on the way before it waits: Cyclone's default, but from the start.
pub(crate) const WINDOW: usize = 500_000;

/// What we would rather have than Cyclone's defaults. A writer whose window is half full asks for
/// acknowledgments this often, instead of every 5 ms: one that listeners write to must hardly ever find it
/// full. Nor does the window shrink when something is lost, of which those who count what is in it
/// ([`Window`](crate::writer::Window)) would not know.
fn defaults() -> String {
    format!(
        "<CycloneDDS><Domain Id=\"any\"><Internal>\
         <HeartbeatInterval min=\"200 us\" minsched=\"200 us\">100 ms</HeartbeatInterval>\
         <Watermarks><WhcHigh>{WINDOW} B</WhcHigh><WhcHighInit>{WINDOW} B</WhcHighInit>\
         <WhcAdaptive>false</WhcAdaptive></Watermarks>\
         </Internal></Domain></CycloneDDS>"
    )
}

/// A domain of Cyclone's, with its threads and sockets, for one participant.
pub(crate) struct Domain {
    /// Cyclone's number, not the one on the wire: see [`config`].
    pub id: u32,
    entity: dds_entity_t,
}

/// Above those on the wire, which are the numbers of secured domains.
static NEXT: AtomicU32 = AtomicU32::new(1000);

impl Domain {
    /// A new domain for `options`.
    ///
    /// Permissions are checked against Cyclone's number, so that a secured domain must have the one on the
    /// wire, and a process one such participant in it.
    pub fn new(options: &DdsOptions) -> Result<Self, DdsError> {
        static LOGGING: Once = Once::new();
        LOGGING.call_once(|| {
            // SAFETY: a static function that needs no argument.
            unsafe { cyclors::dds_set_log_sink(Some(log), std::ptr::null_mut()) }
        });
        let theirs = std::env::var("CYCLONEDDS_URI").unwrap_or_default();
        if let Some(fault) = security::elsewhere(&theirs) {
            return Err(fault.in_domain(options.domain));
        }
        let text = CString::new(config(options, &theirs))
            .map_err(|error| joining(options, error.to_string()))?;
        let id = match options.security {
            Some(_) => u32::from(options.domain),
            None => NEXT.fetch_add(1, Ordering::Relaxed),
        };
        // SAFETY: the text is read before the call returns.
        match unsafe { cyclors::dds_create_domain(id, text.as_ptr()) } {
            DDS_RETCODE_PRECONDITION_NOT_MET if options.security.is_some() => {
                let reason = "this process has a secured participant in it already".to_owned();
                let remedy = "use that one, or another process: there can be one of each domain";
                Err(Fault { reason, remedy }.in_domain(options.domain))
            }
            code if code < 0 => Err(joining(options, reason(code))),
            entity => Ok(Self { id, entity }),
        }
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        // SAFETY: ours; its participant is gone.
        unsafe { cyclors::dds_delete(self.entity) };
    }
}

/// Cyclone's configuration in XML. Each of our domains has a number of its own inside Cyclone, and
/// tells the network the real one. What `theirs`, the variable `CYCLONEDDS_URI`, says holds where we say
/// nothing.
fn config(options: &DdsOptions, theirs: &str) -> String {
    let mut general = String::new();
    if !options.interfaces.is_empty() {
        general.push_str("<Interfaces>");
        for address in &options.interfaces {
            let _ = write!(general, "<NetworkInterface address=\"{address}\"/>");
        }
        general.push_str("</Interfaces>");
    }
    let mut discovery = format!("<ExternalDomainId>{}</ExternalDomainId>", options.domain);
    if !options.peers.is_empty() {
        general.push_str("<AllowMulticast>false</AllowMulticast>");
        let _ = write!(
            discovery,
            "<ParticipantIndex>auto</ParticipantIndex>\
             <MaxAutoParticipantIndex>{MAX_INDEX}</MaxAutoParticipantIndex><Peers>"
        );
        for address in &options.peers {
            let _ = write!(discovery, "<Peer Address=\"{address}\"/>");
        }
        discovery.push_str("</Peers>");
    }
    let ours = format!(
        "<CycloneDDS><Domain Id=\"any\"><General>{general}</General>\
         <Discovery>{discovery}</Discovery></Domain></CycloneDDS>"
    );
    let defaults = defaults();
    if theirs.is_empty() {
        format!("{defaults},{ours}")
    } else {
        format!("{defaults},{theirs},{ours}")
    }
}

/// The error for a domain that cannot be joined.
pub(crate) fn joining(options: &DdsOptions, reason: String) -> DdsError {
    let port = 7400 + 250 * u32::from(options.domain);
    DdsError::Join { domain: options.domain, port, reason }
}

/// Cyclone's words go where ours go.
unsafe extern "C" fn log(_argument: *mut c_void, data: *const dds_log_data_t) {
    // SAFETY: valid for the length of the call; the message is a C string.
    let (priority, message) = unsafe {
        let data = &*data;
        (data.priority, CStr::from_ptr(data.message).to_string_lossy())
    };
    let message = message.trim_end();
    if priority & (DDS_LC_FATAL | DDS_LC_ERROR) == 0 {
        tracing::warn!("Cyclone DDS: {message}");
    } else if !security::hear(message) {
        tracing::error!("Cyclone DDS: {message}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_switch_multicast_off_and_interfaces_are_named() {
        let mut options = DdsOptions::new(42, "a");
        assert!(!config(&options, "").contains("AllowMulticast"));
        options.peers = vec!["10.0.0.7".parse().unwrap()];
        options.interfaces = vec!["127.0.0.1".parse().unwrap()];
        let text = config(&options, "");
        for part in [
            "<ExternalDomainId>42</ExternalDomainId>",
            "<AllowMulticast>false</AllowMulticast>",
            "<Peer Address=\"10.0.0.7\"/>",
            "<NetworkInterface address=\"127.0.0.1\"/>",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
