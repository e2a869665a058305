//! DDS Security of a participant: who it is, whom it trusts, and what it may do.
//!
//! A profile's `<domain_participant_qos>` switches it on with the properties of the standard's own plugins
//! (DDS Security 1.1, 9.3.1 and 9.4.1). Keeping it is a backend's business.
//!
//! ```
//! let library = tidewire_qos::Library::parse("mine.xml", r#"
//! <dds><qos_library name="Plant"><qos_profile name="Secure"><domain_participant_qos>
//!   <property><value>
//!     <element><name>dds.sec.auth.identity_ca</name><value>file:keys/identity_ca.cert.pem</value></element>
//!     <element><name>dds.sec.auth.identity_certificate</name><value>file:keys/cert.pem</value></element>
//!     <element><name>dds.sec.auth.private_key</name><value>file:keys/key.pem</value></element>
//!     <element><name>dds.sec.access.permissions_ca</name><value>file:keys/permissions_ca.cert.pem</value></element>
//!     <element><name>dds.sec.access.governance</name><value>file:keys/governance.p7s</value></element>
//!     <element><name>dds.sec.access.permissions</name><value>file:keys/permissions.p7s</value></element>
//!   </value></property>
//! </domain_participant_qos></qos_profile></qos_library></dds>"#)?;
//! let security = library.profile("Secure")?.security()?.expect("it has the properties");
//! assert_eq!(security, tidewire_qos::Security::in_folder("keys"));
//! # Ok::<(), tidewire_qos::QosError>(())
//! ```

use std::fmt;
use std::path::Path;

/// Every certificate, key and document is a URI: `file:PATH`, relative to the working directory, or
/// `data:,` and the text itself (PEM; S/MIME of the two documents).
#[derive(Clone, PartialEq, Eq)]
pub struct Security {
    /// Certificate of the authority that signs the identities of the domain.
    pub identity_ca: String,
    /// This participant's certificate.
    pub identity_certificate: String,
    /// The private key of that certificate.
    pub private_key: String,
    /// What `private_key` is encrypted with, if it is.
    pub password: Option<String>,
    /// Certificate of the authority that signs the two documents below.
    pub permissions_ca: String,
    /// What the domain protects, and how: signed, the same for all its participants.
    pub governance: String,
    /// What this participant may join, publish and subscribe: signed.
    pub permissions: String,
}

pub(crate) const PASSWORD: &str = "dds.sec.auth.password";

/// The properties that there must be.
const REQUIRED: [&str; 6] = [
    "dds.sec.auth.identity_ca",
    "dds.sec.auth.identity_certificate",
    "dds.sec.auth.private_key",
    "dds.sec.access.permissions_ca",
    "dds.sec.access.governance",
    "dds.sec.access.permissions",
];

/// Every property a profile may have.
pub(crate) const PROPERTIES: [&str; 7] =
    [REQUIRED[0], REQUIRED[1], REQUIRED[2], PASSWORD, REQUIRED[3], REQUIRED[4], REQUIRED[5]];

impl Security {
    /// The files of a folder as ROS 2 names them in an enclave, and `deploy/security.sh` makes them:
    /// `identity_ca.cert.pem`, `cert.pem`, `key.pem`, `permissions_ca.cert.pem`, `governance.p7s`,
    /// `permissions.p7s`.
    pub fn in_folder(folder: impl AsRef<Path>) -> Self {
        let file = |name: &str| format!("file:{}", folder.as_ref().join(name).display());
        Self {
            identity_ca: file("identity_ca.cert.pem"),
            identity_certificate: file("cert.pem"),
            private_key: file("key.pem"),
            password: None,
            permissions_ca: file("permissions_ca.cert.pem"),
            governance: file("governance.p7s"),
            permissions: file("permissions.p7s"),
        }
    }

    /// Name and value of each property, as PropertyQosPolicy has them.
    pub fn properties(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let required = [
            &self.identity_ca,
            &self.identity_certificate,
            &self.private_key,
            &self.permissions_ca,
            &self.governance,
            &self.permissions,
        ];
        let required = REQUIRED.into_iter().zip(required.map(String::as_str));
        required.chain(self.password.as_deref().map(|password| (PASSWORD, password)))
    }

    /// Of a profile's properties: nothing if there is none, or the names of those that are missing.
    pub(crate) fn of(properties: &[(String, String)]) -> Result<Option<Self>, Vec<&'static str>> {
        if properties.is_empty() {
            return Ok(None);
        }
        let find = |name: &str| {
            properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let missing: Vec<_> = REQUIRED.into_iter().filter(|name| find(name).is_none()).collect();
        let [
            Some(ca),
            Some(certificate),
            Some(key),
            Some(permissions_ca),
            Some(governance),
            Some(permissions),
        ] = REQUIRED.map(find)
        else {
            return Err(missing);
        };
        Ok(Some(Self {
            identity_ca: ca,
            identity_certificate: certificate,
            private_key: key,
            password: find(PASSWORD),
            permissions_ca,
            governance,
            permissions,
        }))
    }
}

/// Without secrets: the password and keys that stand in the value itself are left out.
impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_map();
        for (name, value) in self.properties() {
            let shown = if value.starts_with("file:") { value } else { "(not shown)" };
            out.entry(&name, &shown);
        }
        out.finish()
    }
}
