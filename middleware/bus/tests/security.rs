//! DDS Security by profile: on Cyclone it holds, elsewhere it is refused, and nothing falls back to less.

mod common;
#[path = "../../cyclone/tests/common/keys.rs"]
mod keys;

use common::*;
use keys::Keys;
use tidewire_bus::{Backend, BusError, Participant, testing};
use tidewire_qos::{Library, Profile};

/// A profile of `library` that names the files of `folder`.
fn profile_of(folder: &std::path::Path) -> Profile {
    let folder = folder.display();
    let text = format!(
        r#"<dds><qos_library name="Plant">
             <qos_profile name="Authorities"><domain_participant_qos><property><value>
               <element><name>dds.sec.auth.identity_ca</name>
                 <value>file:{folder}/identity_ca.cert.pem</value></element>
               <element><name>dds.sec.access.permissions_ca</name>
                 <value>file:{folder}/permissions_ca.cert.pem</value></element>
               <element><name>dds.sec.access.governance</name><value>file:{folder}/governance.p7s</value></element>
             </value></property></domain_participant_qos></qos_profile>
             <qos_profile name="Secure" base_name="Authorities"><domain_participant_qos><property><value>
               <element><name>dds.sec.auth.identity_certificate</name><value>file:{folder}/cert.pem</value></element>
               <element><name>dds.sec.auth.private_key</name><value>file:{folder}/key.pem</value></element>
               <element><name>dds.sec.access.permissions</name><value>file:{folder}/permissions.p7s</value></element>
             </value></property></domain_participant_qos></qos_profile>
           </qos_library></dds>"#
    );
    Library::parse("secure.xml", &text).unwrap().profile("Secure").unwrap()
}

#[test]
fn rustdds_refuses_and_says_who_has_it() {
    let keys = Keys::new(&["us"]);
    let builder = || {
        let builder = Participant::builder().domain(testing::free_domain());
        builder.dds(Backend::RustDds).profile(profile_of(&keys.folder("us")))
    };
    for error in [
        builder().build().map(drop).unwrap_err(),
        builder().transports(DDS).build().map(drop).unwrap_err(),
    ] {
        let error = error.to_string();
        assert!(error.contains("DDS Security is not supported by the RustDDS backend"), "{error}");
        assert!(error.contains("--dds cyclone") && error.contains("--features cyclone"), "{error}");
    }
}

#[test]
fn shared_memory_is_refused_beside_it() {
    let keys = Keys::new(&["us"]);
    for transports in [BOTH, SHM] {
        let builder = Participant::builder().domain(testing::free_domain()).transports(transports);
        let error = builder.security(keys.of("us")).build().map(drop).unwrap_err();
        assert!(matches!(error, BusError::SecureShm(_)), "{error}");
        assert!(error.to_string().contains("DDS alone"), "{error}");
    }
}

#[test]
fn half_a_profile_is_no_participant_without_security() {
    let keys = Keys::new(&["us"]);
    let whole = profile_of(&keys.folder("us"));
    assert!(whole.security().unwrap().is_some());
    let library = Library::parse(
        "half.xml",
        "<dds><qos_library name=\"L\">\n<qos_profile name=\"Half\">\n<domain_participant_qos><property><value>
         <element><name>dds.sec.auth.identity_ca</name><value>file:a</value></element>
         </value></property></domain_participant_qos></qos_profile></qos_library></dds>",
    );
    let half = library.unwrap().profile("Half").unwrap();
    let builder = Participant::builder().domain(testing::free_domain()).profile(half);
    let error = builder.build().map(drop).unwrap_err().to_string();
    assert!(error.contains("half.xml:2:20: DDS Security without the property"), "{error}");
    assert!(error.contains("`dds.sec.access.governance`"), "{error}");
}

#[cfg(feature = "cyclone")]
mod cyclone {
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use tidewire_types::sensor::Temperature;

    use super::*;

    const KEYS: &str = "TIDEWIRE_TEST_KEYS";
    const DOMAIN: &str = "TIDEWIRE_TEST_DOMAIN";
    const COUNT: u32 = 200;

    struct Other(Child);

    impl Drop for Other {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn secured(domain: u16, folder: &Path, name: &str) -> Participant {
        let builder = Participant::builder().domain(domain).name(name).dds(Backend::Cyclone);
        builder.profile(profile_of(folder)).build().unwrap()
    }

    /// The other side: writes when this process was started for it, else does nothing.
    #[test]
    fn as_the_other_process() {
        let Some(folder) = std::env::var_os(KEYS) else { return };
        let domain = std::env::var(DOMAIN).unwrap().parse().unwrap();
        let bus = secured(domain, Path::new(&folder), "plant/secured");
        let writer = bus.writer::<Temperature>("plant/temperature", &everything()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        for i in 0..COUNT {
            let point = format!("pump{}", i % 3);
            writer.write(&Temperature { point, celsius: f64::from(i) }).unwrap();
        }
        assert_eq!(writer.dds_data_written(), u64::from(COUNT));
        wait("the reader to go", || writer.matched_readers() == 0);
    }

    #[test]
    fn a_profile_switches_it_on() {
        let keys = Keys::new(&["us", "them"]);
        let domain = testing::free_domain();
        let us = secured(domain, &keys.folder("us"), "plant/us");
        let reader = us.reader::<Temperature>("plant/temperature", &everything()).unwrap();
        // Nobody without a certificate is heard or hears, whatever the way.
        let strangers = [Backend::RustDds, Backend::Cyclone].map(|backend| {
            let builder = Participant::builder().domain(domain).name(backend.name());
            builder.dds(backend).build().unwrap()
        });
        let readers = [&strangers[0], &strangers[1]]
            .map(|bus| bus.reader::<Temperature>("plant/temperature", &everything()).unwrap());
        let writers = [&strangers[0], &strangers[1]]
            .map(|bus| bus.writer::<Temperature>("plant/temperature", &everything()).unwrap());
        let point = "stranger".to_owned();
        for writer in &writers {
            writer.wait_for_readers(2, PATIENCE).unwrap();
            writer.write(&Temperature { point: point.clone(), celsius: -1.0 }).unwrap();
        }
        let _other = Other(
            Command::new(std::env::current_exe().unwrap())
                .args(["cyclone::as_the_other_process", "--exact", "--nocapture"])
                .env(KEYS, keys.folder("them"))
                .env(DOMAIN, domain.to_string())
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        );
        for i in 0..COUNT {
            let sample = reader.recv_timeout(PATIENCE).unwrap().expect("a sample of the other");
            assert_eq!(sample.data.celsius, f64::from(i));
        }
        for writer in &writers {
            writer.write(&Temperature { point: point.clone(), celsius: -2.0 }).unwrap();
        }
        for reader in &readers {
            for _ in 0..4 {
                let sample = reader.recv_timeout(PATIENCE).unwrap().expect("what strangers wrote");
                assert_eq!(sample.data.point, "stranger");
            }
        }
        settle();
        assert!(reader.take().unwrap().is_none());
        assert!(readers.iter().all(|reader| reader.take().unwrap().is_none()));
        let topics = us.topics();
        let topic = topics.iter().find(|topic| topic.name == "plant/temperature").unwrap();
        assert_eq!(topic.writers.len(), 1, "{topic:?}");
    }
}
