//! What a user sees for a wrong profile file: the place, a caret, and what to do.

use tidewire_qos::Library;

fn error(source: &str) -> String {
    match Library::parse("p.xml", source) {
        Ok(library) => panic!("no error: {:?}", library.names()),
        Err(error) => error.to_string(),
    }
}

/// The error for a profile with this body; its first line is line 3 of the file.
fn in_profile(body: &str) -> String {
    error(&format!(
        "<dds><qos_library name=\"L\">\n<qos_profile name=\"P\">\n{body}\n</qos_profile></qos_library></dds>"
    ))
}

#[test]
fn unknown_policy() {
    assert_eq!(
        in_profile("  <datawriter_qos>\n    <relibility/>\n  </datawriter_qos>"),
        "\
p.xml:4:6: unknown element <relibility> in <datawriter_qos>
  |
4 |     <relibility/>
  |      ^^^^^^^^^^
  = did you mean `reliability`? known: reliability, durability, durability_service, history, \
resource_limits, deadline, latency_budget, lifespan, liveliness, ownership, ownership_strength, \
destination_order, transport_priority, user_data, writer_data_lifecycle, data_representation, \
representation"
    );
}

#[test]
fn unknown_enumerator() {
    assert_eq!(
        in_profile("<datareader_qos><reliability><kind>RELIABLE</kind></reliability></datareader_qos>"),
        "\
p.xml:3:36: `RELIABLE` is no value of <kind>
  |
3 | <datareader_qos><reliability><kind>RELIABLE</kind></reliability></datareader_qos>
  |                                    ^^^^^^^^
  = did you mean `RELIABLE_RELIABILITY_QOS`? known: BEST_EFFORT_RELIABILITY_QOS, RELIABLE_RELIABILITY_QOS"
    );
}

#[test]
fn a_policy_of_another_entity() {
    let text = in_profile("<datareader_qos><lifespan/></datareader_qos>");
    assert!(text.contains("p.xml:3:18: <lifespan> is no policy of <datareader_qos>"), "{text}");
    assert!(text.contains("= move it to <datawriter_qos>"), "{text}");
}

#[test]
fn a_duration_without_its_parts() {
    let text =
        in_profile("<datawriter_qos><deadline><period>1.5s</period></deadline></datawriter_qos>");
    assert!(text.contains("p.xml:3:35: <period> takes <sec> and <nanosec>"), "{text}");
    assert!(
        text.contains("= write <period><sec>1</sec><nanosec>500000000</nanosec></period>"),
        "{text}"
    );
}

#[test]
fn numbers_out_of_range() {
    let text = in_profile(
        "<datawriter_qos>
<deadline><period><sec>-1</sec><nanosec>1000000000</nanosec></period></deadline>
<history><depth>0</depth></history>
<resource_limits><max_samples>lots</max_samples></resource_limits>
<ownership_strength><value>9999999999</value></ownership_strength>
<lifespan><duration><sec>1</sec><nanosec>DURATION_INFINITE_NSEC</nanosec></duration></lifespan>
</datawriter_qos>",
    );
    let heads: Vec<&str> = text.lines().filter(|line| line.starts_with("p.xml")).collect();
    assert_eq!(
        heads,
        [
            "p.xml:4:24: `-1` in <sec> is not 0 to 2147483647",
            "p.xml:4:41: `1000000000` in <nanosec> is not 0 to 999999999",
            "p.xml:5:17: `0` in <depth> is not a depth",
            "p.xml:6:31: `lots` in <max_samples> is not a limit",
            "p.xml:7:28: `9999999999` in <value> is not a 32-bit integer",
            "p.xml:8:42: infinite nanoseconds beside finite seconds",
        ]
    );
}

#[test]
fn malformed_markup() {
    assert_eq!(
        error("<dds>\n  <qos_library name=\"L\">\n</dds>"),
        "\
p.xml:3:1: not well-formed XML: expected 'qos_library' tag, not 'dds'
  |
3 | </dds>
  | ^
  = mend the markup here; a profile file is a <dds> element with <qos_library> elements in it"
    );
    assert!(error("").contains("p.xml:1:1: not well-formed XML"));
    assert!(error("<!DOCTYPE x [<!ENTITY a \"b\">]><dds/>").contains("not well-formed XML"));
}

#[test]
fn another_vendors_frame() {
    let text = error("<profiles><a/></profiles>");
    assert!(text.starts_with("p.xml:1:2: the root element is <profiles>, not <dds>"), "{text}");
    let text = error("<dds><types/></dds>");
    assert!(text.contains("<types> is DDS-XML, but not about QoS"), "{text}");
    let text = error("<dds/>");
    assert!(text.contains("the file has no QoS profile"), "{text}");
}

#[test]
fn attributes_and_text_are_not_ignored() {
    let text = in_profile("<datawriter_qos topicfilter=\"a\">stray</datawriter_qos>");
    assert!(text.contains("p.xml:3:17: <datawriter_qos> has no attribute `topicfilter`"), "{text}");
    assert!(text.contains("did you mean `topic_filter`?"), "{text}");
    assert!(text.contains("p.xml:3:33: text inside <datawriter_qos>"), "{text}");
}

#[test]
fn things_said_twice() {
    let text = in_profile(
        "<datawriter_qos><history><depth>1</depth><depth>2</depth></history><history/></datawriter_qos>
<datawriter_qos/>
<datawriter_qos name=\"a\"/><datawriter_qos name=\"a\"/>",
    );
    let heads: Vec<&str> = text.lines().filter(|line| line.starts_with("p.xml")).collect();
    assert_eq!(
        heads,
        [
            "p.xml:3:43: <depth> stands here a second time",
            "p.xml:3:69: <history> stands here a second time",
            "p.xml:4:2: a second <datawriter_qos> for every topic of `P`",
            "p.xml:5:49: profile `P` has two <datawriter_qos> named `a`",
        ]
    );
}

#[test]
fn a_base_that_is_not_there() {
    let text = error(
        "<dds><qos_library name=\"L\"><qos_profile name=\"P\" base_name=\"tidewire::Sensr\"/></qos_library></dds>",
    );
    assert!(text.contains("p.xml:1:61: base_name `tidewire::Sensr` names no profile"), "{text}");
    assert!(text.contains("did you mean `tidewire::Sensor`?"), "{text}");
}

#[test]
fn a_circle_of_bases() {
    assert_eq!(
        error(
            "<dds><qos_library name=\"L\">
<qos_profile name=\"A\" base_name=\"B\"/>
<qos_profile name=\"B\" base_name=\"C\"/>
<qos_profile name=\"C\" base_name=\"A\"/>
</qos_library></dds>"
        ),
        "\
p.xml:4:34: the profiles inherit in a circle: L::A -> L::B -> L::C -> L::A
  |
4 | <qos_profile name=\"C\" base_name=\"A\"/>
  |                                  ^
  = take out one base_name of the circle"
    );
    let text = in_profile("<datawriter_qos base_name=\"P\"/>");
    assert!(text.contains("p.xml:3:28: the profiles inherit in a circle: L::P -> L::P"), "{text}");
    // A writer that inherits one way and a reader the other: no circle.
    Library::parse(
        "p.xml",
        "<dds><qos_library name=\"L\">
         <qos_profile name=\"A\"><datawriter_qos base_name=\"B\"/></qos_profile>
         <qos_profile name=\"B\"><datareader_qos base_name=\"A\"/></qos_profile>
         </qos_library></dds>",
    )
    .unwrap();
}

#[test]
fn a_profile_that_contradicts_itself() {
    let text = in_profile(
        "<datawriter_qos><history><depth>9</depth></history>\
         <resource_limits><max_samples_per_instance>4</max_samples_per_instance></resource_limits></datawriter_qos>",
    );
    assert!(text.contains("HISTORY: depth 9 exceeds max_samples_per_instance 4"), "{text}");
    assert!(text.contains("= lower the depth or raise the limit"), "{text}");
}

#[test]
fn broken_input_never_panics() {
    let good = include_str!("../profiles/tidewire.xml");
    for cut in (0..good.len()).step_by(37).filter(|cut| good.is_char_boundary(*cut)) {
        let _ = Library::parse("cut.xml", &good[..cut]);
        let mut hole = good.to_owned();
        hole.replace_range(cut..cut + 1, "é");
        let _ = Library::parse("hole.xml", &hole);
    }
}

/// The error for a participant with these properties.
fn in_properties(elements: &str) -> String {
    in_profile(&format!(
        "<domain_participant_qos><property><value>\n{elements}\n</value></property></domain_participant_qos>"
    ))
}

#[test]
fn properties_are_those_of_security() {
    let text = in_properties(
        "<element><name>dds.sec.auth.privat_key</name><value>file:a</value></element>",
    );
    assert!(text.contains("p.xml:4:16: no property `dds.sec.auth.privat_key` is known"), "{text}");
    assert!(text.contains("did you mean `dds.sec.auth.private_key`?"), "{text}");
    for (uri, shown) in
        [("pkcs11:object=k", "pkcs11"), ("/etc/key.pem", "etc"), ("file:", "<value>")]
    {
        let name = "dds.sec.auth.private_key";
        let text =
            in_properties(&format!("<element><name>{name}</name><value>{uri}</value></element>"));
        let what = format!("p.xml:4:48: the value of `{name}` is no URI that can be read");
        assert!(text.contains(&what) && text.contains(shown), "{text}");
        assert!(text.contains("= write file:PATH, or data:, and the text itself"), "{text}");
    }
    let text = in_properties("<element><name>dds.sec.auth.password</name></element>");
    assert!(text.contains("p.xml:4:2: a property without <value>"), "{text}");
    let one = "<element><name>dds.sec.auth.password</name><value>x</value>";
    let text = in_properties(&format!("{one}<propagate>true</propagate></element>"));
    assert!(text.contains("would show this property to everybody"), "{text}");
    let text = in_properties(&format!("{one}</element>{one}</element>"));
    assert!(text.contains("stands here a second time"), "{text}");
    let text = in_profile("<datawriter_qos><property/></datawriter_qos>");
    assert!(text.contains("= move it to <domain_participant_qos>"), "{text}");
}
