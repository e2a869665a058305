//! What a participant's credentials may look like, and what is said of wrong ones: which property, what is
//! wrong, what to do.

#[path = "common/keys.rs"]
mod keys;

use keys::{Keys, file};
use tidewire_cyclone::{DdsError, DdsOptions, DdsParticipant};
use tidewire_qos::Security;
use tidewire_transport::EndpointSpec;

/// Of these tests alone: nobody is met here.
const DOMAIN: u16 = 58;

fn start(domain: u16, security: Security) -> Result<DdsParticipant, DdsError> {
    let mut options = DdsOptions::new(domain, "us");
    options.interfaces = vec!["127.0.0.1".parse().unwrap()];
    options.security = Some(security);
    DdsParticipant::start(options)
}

fn refused(security: Security) -> String {
    let error = start(DOMAIN, security).map(drop).expect_err("wrong credentials");
    assert!(matches!(error, DdsError::Security { domain: DOMAIN, .. }), "{error}");
    error.to_string()
}

#[track_caller]
fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "no `{part}` in: {error}");
    }
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let keys = Keys::new(&["us", "them"]);
    let good = || keys.of("us");

    let error = refused(Security { private_key: "file:/nowhere/key.pem".into(), ..good() });
    says(
        &error,
        &["/nowhere/key.pem", "dds.sec.auth.private_key", "No such file", "correct the path"],
    );
    let error = refused(Security { identity_ca: "data:,not PEM".into(), ..good() });
    says(&error, &["the text in dds.sec.auth.identity_ca is no certificate"]);
    assert!(!error.contains("not PEM"), "{error}");
    let error = refused(Security { permissions: "pkcs11:object=p".into(), ..good() });
    says(&error, &["dds.sec.access.permissions is no URI", "file:PATH"]);
    let of_them = keys.of("them").private_key;
    let error = refused(Security { private_key: of_them, ..good() });
    says(&error, &["them/key.pem", "is not the key of the certificate", "requested with"]);
    let certificate = good().identity_certificate;
    let error = refused(Security { private_key: certificate, ..good() });
    says(&error, &["us/cert.pem in dds.sec.auth.private_key is no private key"]);
}

#[test]
fn a_certificate_of_nobody_or_of_another_time() {
    let (keys, others) = (Keys::new(&["us"]), Keys::new(&["us"]));
    let error = refused(Security { identity_ca: others.of("us").identity_ca, ..keys.of("us") });
    says(&error, &["us/cert.pem", "not accepted by the identity CA", "that the CA in"]);

    let ca = ["-CA", "ca/identity_ca.cert.pem", "-CAkey", "ca/identity_ca.key.pem"];
    keys.openssl(&["req", "-new", "-key", "us/key.pem", "-subj", "/CN=us", "-out", "request.pem"]);
    let mut issue = vec!["x509", "-req", "-in", "request.pem", "-set_serial", "7", "-days", "-1"];
    issue.extend(ca.into_iter().chain(["-out", "old.pem"]));
    keys.openssl(&issue);
    let old = file(keys.folder("old.pem"));
    let error = refused(Security { identity_certificate: old, ..keys.of("us") });
    says(&error, &["old.pem", "certificate has expired", "issue a new certificate"]);
}

#[test]
fn documents_must_be_signed_by_the_permissions_authority() {
    let keys = Keys::new(&["us", "them"]);
    let plain = file(keys.folder("governance.xml"));
    let error = refused(Security { governance: plain, ..keys.of("us") });
    says(&error, &["governance.xml", "dds.sec.access.governance", "is not signed", "smime -sign"]);

    let signer = ["-signer", "ca/identity_ca.cert.pem", "-inkey", "ca/identity_ca.key.pem"];
    let mut sign = vec!["smime", "-sign", "-text", "-in", "us/permissions.xml"];
    sign.extend(signer.into_iter().chain(["-out", "forged.p7s"]));
    keys.openssl(&sign);
    let forged = file(keys.folder("forged.p7s"));
    let error = refused(Security { permissions: forged, ..keys.of("us") });
    says(&error, &["forged.p7s", "dds.sec.access.permissions", "not signed by the certificate"]);

    let path = keys.folder("us/permissions.p7s");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("<max>230</max>", "<max>231</max>")).unwrap();
    let error = refused(keys.of("us"));
    says(&error, &["permissions.p7s", "or was changed"]);
}

#[test]
fn documents_that_do_not_let_one_in() {
    let keys = Keys::new(&["us", "them"]);
    let theirs = keys.of("them").permissions;
    let error = refused(Security { permissions: theirs, ..keys.of("us") });
    says(&error, &["Subject name is invalid", "a grant for the subject of the certificate"]);
    let everywhere = "<id_range><min>0</min><max>230</max></id_range>";
    keys.edit("us/permissions.xml", everywhere, "<id>42</id>");
    let error = refused(keys.of("us"));
    says(&error, &["name this domain"]);
    keys.edit("governance.xml", everywhere, "<id>42</id>");
    let error = refused(keys.of("us"));
    says(&error, &["domain 58"]);
    start(42, keys.of("us")).map(drop).expect("what domain 42 asks for");
}

#[test]
fn a_key_may_have_a_password_and_text_may_stand_in_the_property() {
    let keys = Keys::new(&["us"]);
    let encrypt = "ec -in us/key.pem -aes128 -passout pass:secret -out us/locked.pem";
    keys.openssl(&encrypt.split(' ').collect::<Vec<_>>());
    let locked = || file(keys.folder("us/locked.pem"));
    let of_us = || Security { private_key: locked(), ..keys.of("us") };
    for password in [None, Some("wrong".to_owned())] {
        let error = refused(Security { password, ..of_us() });
        says(&error, &["locked.pem", "the password does not open it", "dds.sec.auth.password"]);
    }
    let text = |uri: String| {
        let path = uri.strip_prefix("file:").unwrap();
        format!("data:,{}", std::fs::read_to_string(path).unwrap())
    };
    let security = of_us();
    let security = Security {
        identity_ca: text(security.identity_ca),
        identity_certificate: text(security.identity_certificate),
        private_key: text(security.private_key),
        password: Some("secret".to_owned()),
        permissions_ca: text(security.permissions_ca),
        governance: text(security.governance),
        permissions: text(security.permissions),
    };
    assert!(!format!("{security:?}").contains("secret"), "{security:?}");
    let bus = start(59, security).map_err(|error| error.to_string()).unwrap();
    bus.writer(&EndpointSpec::new("t", "T", false)).map(drop).unwrap();
}

#[test]
fn a_process_has_one_secured_participant_of_a_domain() {
    let keys = Keys::new(&["us"]);
    let first = start(57, keys.of("us")).map_err(|error| error.to_string()).unwrap();
    let error = start(57, keys.of("us")).map(drop).unwrap_err().to_string();
    says(&error, &["domain 57", "already", "another process"]);
    drop(first);
    start(57, keys.of("us")).map(drop).expect("the first one has gone");
}
