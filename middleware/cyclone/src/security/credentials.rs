//! A participant's certificates, key and documents, looked at before Cyclone does: it says what is wrong,
//! but not in which file.

use openssl::pkcs7::{Pkcs7, Pkcs7Flags};
use openssl::pkey::{PKey, Private};
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509StoreContext, X509VerifyResult};
use tidewire_qos::Security;

use super::Fault;

// X509_V_ERR_…, of which the crate has no names.
const NOT_YET_VALID: i32 = 9;
const HAS_EXPIRED: i32 = 10;

/// One property: its name, and what it leads to.
struct Item<'a> {
    name: &'static str,
    uri: &'a str,
    bytes: Vec<u8>,
}

impl<'a> Item<'a> {
    fn read(name: &'static str, uri: &'a str) -> Result<Self, Fault> {
        let bytes = match (uri.strip_prefix("file:"), uri.strip_prefix("data:,")) {
            (Some(path), _) => std::fs::read(path).map_err(|error| Fault {
                reason: format!("{path}, which {name} names, cannot be read: {error}"),
                remedy: "correct the path in the profile (it is relative to the working directory)",
            })?,
            (None, Some(text)) => text.as_bytes().to_vec(),
            (None, None) => {
                let reason = format!("the value of {name} is no URI that can be read");
                return Err(Fault { reason, remedy: "write file:PATH, or data:, and the text" });
            }
        };
        Ok(Self { name, uri, bytes })
    }

    fn wrong(&self, what: &str, remedy: &'static str) -> Fault {
        // Text that stands in the value itself may be secret, and is long.
        let place = self.uri.strip_prefix("file:").unwrap_or("the text");
        Fault { reason: format!("{place} in {} {what}", self.name), remedy }
    }

    fn certificate(&self) -> Result<X509, Fault> {
        X509::from_pem(&self.bytes)
            .map_err(|_| self.wrong("is no certificate", "give an X.509 certificate in PEM"))
    }

    fn private_key(&self, password: Option<&str>) -> Result<PKey<Private>, Fault> {
        // With an empty password OpenSSL does not ask for one on the terminal.
        let password = password.unwrap_or_default().as_bytes();
        PKey::private_key_from_pem_passphrase(&self.bytes, password).map_err(|_| {
            let remedy = "give a private key in PEM, and dds.sec.auth.password if it is encrypted";
            self.wrong("is no private key, or the password does not open it", remedy)
        })
    }

    /// That this document is signed by `ca`.
    fn signed_by(&self, ca: &X509) -> Result<(), Fault> {
        let remedy = "have it signed by the permissions CA: openssl smime -sign -text -in DOCUMENT.xml \
                      -signer CA.pem -inkey CA_KEY.pem -out DOCUMENT.p7s";
        let (signature, content) = Pkcs7::from_smime(&self.bytes)
            .map_err(|_| self.wrong("is not signed: it is no S/MIME document", remedy))?;
        // As the plugin asks, so that nothing is refused here that it would take.
        let flags = Pkcs7Flags::TEXT | Pkcs7Flags::NOVERIFY | Pkcs7Flags::NOINTERN;
        let verified = (|| {
            let mut signers = Stack::new()?;
            signers.push(ca.clone())?;
            let store = X509StoreBuilder::new()?.build();
            signature.verify(&signers, &store, content.as_deref(), None, flags)
        })();
        let what =
            "is not signed by the certificate in dds.sec.access.permissions_ca, or was changed";
        verified.map_err(|_| self.wrong(what, remedy))
    }
}

/// That every file can be read, the certificate is the CA's and of now, the key is the certificate's, and
/// both documents are signed.
pub(super) fn check(security: &Security) -> Result<(), Fault> {
    let [ca, identity, key, permissions_ca, governance, permissions] = [
        ("dds.sec.auth.identity_ca", &security.identity_ca),
        ("dds.sec.auth.identity_certificate", &security.identity_certificate),
        ("dds.sec.auth.private_key", &security.private_key),
        ("dds.sec.access.permissions_ca", &security.permissions_ca),
        ("dds.sec.access.governance", &security.governance),
        ("dds.sec.access.permissions", &security.permissions),
    ]
    .map(|(name, uri)| Item::read(name, uri));
    let (ca, identity, key) = (ca?, identity?, key?);
    let (permissions_ca, governance, permissions) = (permissions_ca?, governance?, permissions?);

    let certificate = identity.certificate()?;
    let verdict = verdict(&ca.certificate()?, &certificate);
    if verdict != X509VerifyResult::OK {
        let remedy = match verdict.as_raw() {
            HAS_EXPIRED => "have the identity CA issue a new certificate",
            NOT_YET_VALID => "set the clock, or have the certificate issued anew",
            _ => "use a certificate that the CA in dds.sec.auth.identity_ca has issued",
        };
        let what = format!("is not accepted by the identity CA: {}", verdict.error_string());
        return Err(identity.wrong(&what, remedy));
    }
    let private = key.private_key(security.password.as_deref())?;
    if !certificate.public_key().is_ok_and(|public| public.public_eq(&private)) {
        let what = "is not the key of the certificate in dds.sec.auth.identity_certificate";
        return Err(key.wrong(what, "give the key that the certificate was requested with"));
    }
    let signer = permissions_ca.certificate()?;
    governance.signed_by(&signer)?;
    permissions.signed_by(&signer)
}

/// What the CA says of a certificate.
fn verdict(ca: &X509, certificate: &X509) -> X509VerifyResult {
    let verify = || {
        let mut store = X509StoreBuilder::new()?;
        store.add_cert(ca.clone())?;
        let none = Stack::new()?;
        X509StoreContext::new()?.init(&store.build(), certificate, &none, |context| {
            context.verify_cert()?;
            Ok(context.error())
        })
    };
    verify().unwrap_or(X509VerifyResult::APPLICATION_VERIFICATION)
}
