//! DDS-XML profiles.

use tidewire_qos::{Library, check};

use crate::memory::bounded;

/// Text that is DDS-XML: every profile of it makes QoS, or it is refused with places.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    bounded(data.len(), || {
        let library = match Library::parse("fuzz.xml", &text) {
            Ok(library) => library,
            Err(error) => return assert!(!error.to_string().is_empty()),
        };
        let _ = library.default_profile();
        for name in library.names() {
            let profile = match library.profile(&name) {
                Ok(profile) => profile,
                Err(error) => panic!("`{name}` is listed and missing: {error}"),
            };
            for topic in ["", "plant/pump1"] {
                let (writer, reader) = (profile.writer_qos(topic), profile.reader_qos(topic));
                for mismatch in check(&writer, &reader) {
                    assert!(!mismatch.to_string().is_empty() && !mismatch.remedy.is_empty());
                }
                let _ = (writer.to_string(), profile.topic_qos(topic));
            }
            let _ = (profile.participant_qos(), profile.security());
        }
    });
}

pub const WORDS: &[&str] = &[
    "<dds>",
    "</dds>",
    "<qos_library name=\"",
    "<qos_profile name=\"",
    " base_name=\"",
    "</qos_profile>",
    "<datawriter_qos>",
    "</datawriter_qos>",
    "<datareader_qos topic_filter=\"",
    "</datareader_qos>",
    "<topic_qos>",
    "<domain_participant_qos>",
    "<property>",
    "<name>dds.sec.auth.private_key</name>",
    "<reliability>",
    "<kind>",
    "</kind>",
    "<durability>",
    "<history>",
    "<depth>",
    "<deadline>",
    "<period>",
    "<sec>",
    "<nanosec>",
    "<lifespan>",
    "<partition>",
    "<element>",
    "<user_data>",
    "<value>",
    "<ownership_strength>",
    "<resource_limits>",
    "<max_samples>",
    "DURATION_INFINITY",
    "LENGTH_UNLIMITED",
    "TRANSIENT_LOCAL_DURABILITY_QOS",
    "KEEP_ALL_HISTORY_QOS",
    "&lt;",
    "&#x0;",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE",
    "xmlns:",
    "-1",
    "4294967296",
];

pub fn seeds() -> Vec<Vec<u8>> {
    let other = "<dds xmlns=\"http://www.omg.org/spec/DDS-XML\"><qos_library name=\"L\">\n\
        <qos_profile name=\"A\" base_name=\"tidewire::Sensor\"><datareader_qos topic_filter=\"pump*\">\
        <time_based_filter><minimum_separation><nanosec>100000000</nanosec></minimum_separation>\
        </time_based_filter></datareader_qos></qos_profile>\n\
        <qos_profile name=\"B\" base_name=\"A\" is_default_qos=\"true\"><datawriter_qos><partition>\
        <name><element>a*</element></name></partition></datawriter_qos></qos_profile>\n\
        </qos_library></dds>\n";
    [
        include_str!("../../../qos/profiles/tidewire.xml"),
        include_str!("../../../qos/profiles/ros2.xml"),
        other,
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}
