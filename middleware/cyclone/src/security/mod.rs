//! DDS Security (1.1): a participant's credentials, looked at and given to Cyclone's plugins.
//!
//! The plugins (authentication DDS:Auth:PKI-DH, access control DDS:Access:Permissions, cryptography
//! DDS:Crypto:AES-GCM-GMAC) are linked in. They talk through Cyclone's log alone: what they say against
//! a call of ours becomes its error.

mod credentials;
mod words;

use cyclors::DDS_RETCODE_NOT_ALLOWED_BY_SECURITY;
use tidewire_qos::Security;
use tidewire_transport::EndpointSpec;
use tidewire_transport::dds::DdsError;

use crate::endpoint;
use crate::qos::CQos;
use crate::sys;

pub(crate) use words::{Refusal, hear, listening};

/// Where Cyclone finds its plugins: names of what is linked in, not of files.
const PLUGINS: [(&str, &str); 9] = [
    ("dds.sec.auth.library.path", "dds_security_auth"),
    ("dds.sec.auth.library.init", "init_authentication"),
    ("dds.sec.auth.library.finalize", "finalize_authentication"),
    ("dds.sec.access.library.path", "dds_security_ac"),
    ("dds.sec.access.library.init", "init_access_control"),
    ("dds.sec.access.library.finalize", "finalize_access_control"),
    ("dds.sec.crypto.library.path", "dds_security_crypto"),
    ("dds.sec.crypto.library.init", "init_crypto"),
    ("dds.sec.crypto.library.finalize", "finalize_crypto"),
];

/// Why a participant comes to an end by itself.
pub(crate) const EXPIRED: &str =
    "the certificate or the permissions of this participant have expired: have them issued anew";

/// What is wrong with the credentials, and what to do.
pub(crate) struct Fault {
    pub reason: String,
    pub remedy: &'static str,
}

impl Fault {
    pub fn in_domain(self, domain: u16) -> DdsError {
        DdsError::Security { domain, reason: self.reason, remedy: self.remedy }
    }
}

/// `qos` with `security`, whose credentials are fit for use as far as they can be told alone.
pub(crate) fn apply(mut qos: CQos, security: &Security) -> Result<CQos, Fault> {
    credentials::check(security)?;
    for (name, value) in PLUGINS.into_iter().chain(security.properties()) {
        // Not what the error says: it shows the value, which may be a key.
        qos = qos.property(name, value).map_err(|_| Fault {
            reason: format!("the value of {name} has a NUL in it"),
            remedy: "take it out",
        })?;
    }
    Ok(qos)
}

/// The error for credentials that are sound, but do not let their owner into the domain.
pub(crate) fn unfit(refusal: &Refusal) -> Fault {
    Fault {
        reason: refusal.reason(),
        remedy: "see that governance and permissions follow the schema and name this domain, and that the \
                 permissions have a grant for the subject of the certificate that is valid now",
    }
}

/// The error for an endpoint that was not made: a matter of permissions, or any other.
pub(crate) fn refused(spec: &EndpointSpec, writer: bool, refusal: &Refusal) -> DdsError {
    let reason = refusal.reason();
    if refusal.code != sys::reason(DDS_RETCODE_NOT_ALLOWED_BY_SECURITY) {
        return endpoint::fail(spec, writer, reason);
    }
    let (role, rule) = if writer { ("writer", "publish") } else { ("reader", "subscribe") };
    DdsError::Denied { role, topic: spec.topic.clone(), reason, rule }
}

/// Security that `CYCLONEDDS_URI` configures, where the bus does not see it.
pub(crate) fn elsewhere(uri: &str) -> Option<Fault> {
    let mentions = |text: &str| text.contains("<Security") || text.contains("<DDSSecurity");
    let in_file = |part: &str| {
        let path = part.trim().strip_prefix("file://").unwrap_or(part.trim());
        std::fs::read_to_string(path).is_ok_and(|text| mentions(&text))
    };
    (mentions(uri) || uri.split(',').any(in_file)).then(|| Fault {
        reason: "CYCLONEDDS_URI configures it, where shared memory would not know of it".to_owned(),
        remedy: "say it in the <domain_participant_qos> of a QoS profile instead",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_in_the_configuration_is_noticed() {
        assert!(elsewhere("<General/>").is_none());
        assert!(elsewhere("").is_none());
        assert!(elsewhere("<Domain><Security><Authentication/></Security></Domain>").is_some());
        let file = std::env::temp_dir().join(format!("tidewire-uri-{}.xml", std::process::id()));
        std::fs::write(&file, "<CycloneDDS><Domain><Security/></Domain></CycloneDDS>").unwrap();
        let found = elsewhere(&format!("<General/>,file://{}", file.display()));
        std::fs::remove_file(&file).unwrap();
        assert!(found.is_some());
    }
}
