//! Profiles: what each element sets, inheritance, topic filters, and how a profile is found.

use tidewire_qos::{
    AccessScope, DataRepresentation, DestinationOrder, Durability, Duration, History, Library,
    LivelinessKind, Ownership, Profile, Qos, QosError, Reliability, ResourceLimits,
    TypeConsistencyKind, check, load, shipped,
};

fn parse(profiles: &str) -> Library {
    let text = format!(r#"<dds><qos_library name="L">{profiles}</qos_library></dds>"#);
    Library::parse("test.xml", &text).unwrap_or_else(|error| panic!("{error}"))
}

fn only(profile_body: &str) -> Profile {
    parse(&format!(r#"<qos_profile name="P">{profile_body}</qos_profile>"#)).profile("P").unwrap()
}

#[test]
fn an_empty_profile_gives_the_standards_defaults() {
    let profile = only("");
    assert_eq!(profile.writer_qos("t"), Qos::default_writer());
    assert_eq!(profile.reader_qos("t"), Qos::default_reader());
}

#[test]
fn every_writer_policy_is_read() {
    let qos = only(
        r#"
        <publisher_qos>
          <presentation><access_scope>TOPIC_PRESENTATION_QOS</access_scope>
            <coherent_access>false</coherent_access><ordered_access>true</ordered_access></presentation>
          <partition><name><element>plant</element><element>a&amp;b*</element></name></partition>
          <group_data><value>Z3JvdXA=</value></group_data>
          <entity_factory><autoenable_created_entities>false</autoenable_created_entities></entity_factory>
        </publisher_qos>
        <topic_qos><topic_data><value>0x01, 0x02</value></topic_data></topic_qos>
        <datawriter_qos>
          <reliability><max_blocking_time><sec>2</sec><nanosec>5</nanosec></max_blocking_time></reliability>
          <durability><kind>TRANSIENT_DURABILITY_QOS</kind></durability>
          <durability_service>
            <service_cleanup_delay><sec>DURATION_INFINITE_SEC</sec><nanosec>DURATION_INFINITE_NSEC</nanosec></service_cleanup_delay>
            <history_kind>KEEP_LAST_HISTORY_QOS</history_kind><history_depth>3</history_depth>
            <max_samples>100</max_samples><max_instances>LENGTH_UNLIMITED</max_instances>
            <max_samples_per_instance>-1</max_samples_per_instance>
          </durability_service>
          <history><kind>KEEP_LAST_HISTORY_QOS</kind><depth>7</depth></history>
          <resource_limits><max_samples>70</max_samples><max_instances>10</max_instances>
            <max_samples_per_instance>7</max_samples_per_instance></resource_limits>
          <deadline><period><sec>1</sec></period></deadline>
          <latency_budget><duration><nanosec>250000000</nanosec></duration></latency_budget>
          <lifespan><duration><sec>60</sec><nanosec>0</nanosec></duration></lifespan>
          <liveliness><kind>MANUAL_BY_TOPIC_LIVELINESS_QOS</kind>
            <lease_duration><sec>3</sec><nanosec>0</nanosec></lease_duration></liveliness>
          <ownership><kind>EXCLUSIVE_OWNERSHIP_QOS</kind></ownership>
          <ownership_strength><value>-4</value></ownership_strength>
          <destination_order><kind>BY_SOURCE_TIMESTAMP_DESTINATIONORDER_QOS</kind></destination_order>
          <transport_priority><value>5</value></transport_priority>
          <user_data><value></value></user_data>
          <writer_data_lifecycle><autodispose_unregistered_instances>0</autodispose_unregistered_instances></writer_data_lifecycle>
          <data_representation><value><element>XCDR2_DATA_REPRESENTATION</element>
            <element>XCDR_DATA_REPRESENTATION</element></value></data_representation>
        </datawriter_qos>"#,
    )
    .writer_qos("any");
    let max_blocking_time = Duration::from_nanos(2_000_000_005);
    assert_eq!(qos.reliability, Reliability::Reliable { max_blocking_time });
    assert_eq!(qos.durability, Durability::Transient);
    assert_eq!(qos.durability_service.service_cleanup_delay, Duration::INFINITE);
    assert_eq!(qos.durability_service.history, History::KeepLast(3));
    assert_eq!(qos.durability_service.resource_limits.max_samples, Some(100));
    assert_eq!(qos.durability_service.resource_limits.max_samples_per_instance, None);
    assert_eq!(qos.history, History::KeepLast(7));
    let limits = ResourceLimits {
        max_samples: Some(70),
        max_instances: Some(10),
        max_samples_per_instance: Some(7),
    };
    assert_eq!(qos.resource_limits, limits);
    assert_eq!(qos.deadline, Duration::from_secs(1));
    assert_eq!(qos.latency_budget, Duration::from_millis(250));
    assert_eq!(qos.lifespan, Duration::from_secs(60));
    assert_eq!(qos.liveliness.kind, LivelinessKind::ManualByTopic);
    assert_eq!(qos.liveliness.lease, Duration::from_secs(3));
    assert_eq!((qos.ownership, qos.ownership_strength), (Ownership::Exclusive, -4));
    assert_eq!(qos.destination_order, DestinationOrder::BySourceTimestamp);
    assert_eq!(qos.transport_priority, 5);
    assert!(!qos.writer_data_lifecycle.autodispose_unregistered_instances);
    assert_eq!(qos.data_representation, [DataRepresentation::Xcdr2, DataRepresentation::Xcdr1]);
    assert_eq!(qos.presentation.access_scope, AccessScope::Topic);
    assert!(qos.presentation.ordered_access && !qos.presentation.coherent_access);
    assert_eq!(qos.partition, ["plant", "a&b*"]);
    assert_eq!(qos.group_data, b"group");
    assert_eq!(qos.topic_data, [1, 2]);
    assert!(qos.user_data.is_empty());
    assert!(!qos.entity_factory.autoenable_created_entities);
    assert_eq!(
        qos.to_string(),
        "RELIABLE KEEP_LAST(7) TRANSIENT max_blocking_time=2000000005ns max_samples=70 \
         max_instances=10 max_samples_per_instance=7 deadline=1s latency_budget=250ms lifespan=60s \
         liveliness=MANUAL_BY_TOPIC/3s ownership=EXCLUSIVE/-4 partition=plant,a&b* \
         destination_order=BY_SOURCE_TIMESTAMP presentation=TOPIC/ordered transport_priority=5 \
         topic_data=2B group_data=5B data_representation=XCDR2,XCDR1"
    );
}

#[test]
fn every_reader_policy_is_read() {
    let profile = only(
        r#"
        <subscriber_qos><partition><name/></partition></subscriber_qos>
        <domain_participant_qos><user_data><value>cHVtcA==</value></user_data></domain_participant_qos>
        <datareader_qos>
          <time_based_filter><minimum_separation><sec>0</sec><nanosec>20000000</nanosec></minimum_separation></time_based_filter>
          <reader_data_lifecycle>
            <autopurge_nowriter_samples_delay><sec>1</sec></autopurge_nowriter_samples_delay>
            <autopurge_disposed_samples_delay><sec>DURATION_INFINITY</sec></autopurge_disposed_samples_delay>
          </reader_data_lifecycle>
          <deadline><period>DURATION_INFINITY</period></deadline>
          <type_consistency><kind>DISALLOW_TYPE_COERCION</kind>
            <ignore_string_bounds>false</ignore_string_bounds></type_consistency>
          <user_data><value>0x70,0x75</value></user_data>
        </datareader_qos>"#,
    );
    let qos = profile.reader_qos("any");
    assert_eq!(qos.time_based_filter, Duration::from_millis(20));
    assert_eq!(qos.reader_data_lifecycle.autopurge_nowriter_samples_delay, Duration::from_secs(1));
    assert_eq!(qos.reader_data_lifecycle.autopurge_disposed_samples_delay, Duration::INFINITE);
    assert_eq!(qos.deadline, Duration::INFINITE);
    assert_eq!(qos.type_consistency.kind, TypeConsistencyKind::DisallowTypeCoercion);
    assert!(!qos.type_consistency.ignore_string_bounds);
    assert!(qos.type_consistency.ignore_sequence_bounds);
    assert_eq!(qos.user_data, b"pu");
    assert!(qos.partition.is_empty());
    assert_eq!(profile.participant_qos().user_data, b"pump");
}

#[test]
fn a_profile_inherits_policy_by_policy_and_field_by_field() {
    let library = parse(
        r#"
        <qos_profile name="Root">
          <datawriter_qos>
            <history><kind>KEEP_LAST_HISTORY_QOS</kind><depth>9</depth></history>
            <liveliness><kind>MANUAL_BY_TOPIC_LIVELINESS_QOS</kind>
              <lease_duration><sec>8</sec></lease_duration></liveliness>
          </datawriter_qos>
        </qos_profile>
        <qos_profile name="All" base_name="Root">
          <datawriter_qos><history><kind>KEEP_ALL_HISTORY_QOS</kind></history></datawriter_qos>
        </qos_profile>
        <qos_profile name="Leaf" base_name="L::All">
          <datawriter_qos>
            <history><kind>KEEP_LAST_HISTORY_QOS</kind></history>
            <liveliness><lease_duration><sec>2</sec></lease_duration></liveliness>
          </datawriter_qos>
        </qos_profile>"#,
    );
    assert_eq!(library.profile("All").unwrap().writer_qos("t").history, History::KeepAll);
    let leaf = library.profile("L::Leaf").unwrap().writer_qos("t");
    // The root's depth outlives the KEEP_ALL in between.
    assert_eq!(leaf.history, History::KeepLast(9));
    assert_eq!(leaf.liveliness.kind, LivelinessKind::ManualByTopic);
    assert_eq!(leaf.liveliness.lease, Duration::from_secs(2));
    assert_eq!(library.profile("Leaf").unwrap().reader_qos("t"), Qos::default_reader());
}

#[test]
fn the_first_matching_filter_counts_and_the_unfiltered_is_the_last_resort() {
    let writer = |filter: &str, priority: u32| {
        format!(
            "<datawriter_qos {filter}><transport_priority><value>{priority}</value>\
             </transport_priority></datawriter_qos>"
        )
    };
    let profile = only(
        &[
            writer("", 1),
            writer(r#"topic_filter="pump*""#, 2),
            writer(r#"topic_filter="pump1/*, arm/*""#, 3),
        ]
        .concat(),
    );
    let priority = |topic| profile.writer_qos(topic).transport_priority;
    assert_eq!(priority("valve"), 1);
    assert_eq!(priority("pump1/vibration"), 2);
    assert_eq!(priority("arm/imu"), 3);
}

#[test]
fn a_filtered_element_inherits_from_the_base_profiles_choice_for_the_topic() {
    let library = parse(
        r#"
        <qos_profile name="Base">
          <datareader_qos topic_filter="pump*"><history><depth>4</depth></history></datareader_qos>
          <datareader_qos><history><depth>2</depth></history></datareader_qos>
        </qos_profile>
        <qos_profile name="Mine" base_name="Base">
          <datareader_qos topic_filter="pump1">
            <reliability><kind>RELIABLE_RELIABILITY_QOS</kind></reliability>
          </datareader_qos>
        </qos_profile>"#,
    );
    let mine = library.profile("Mine").unwrap();
    let short = |topic| mine.reader_qos(topic).to_string();
    assert_eq!(short("pump1"), "RELIABLE KEEP_LAST(4) VOLATILE");
    assert_eq!(short("pump2"), "BEST_EFFORT KEEP_LAST(4) VOLATILE");
    assert_eq!(short("valve"), "BEST_EFFORT KEEP_LAST(2) VOLATILE");
}

#[test]
fn an_entity_may_inherit_from_a_profile_or_from_a_named_entity() {
    let library = parse(
        r#"
        <qos_profile name="Base">
          <datawriter_qos name="Deep"><history><depth>50</depth></history></datawriter_qos>
        </qos_profile>
        <qos_profile name="Mine">
          <datawriter_qos topic_filter="a" base_name="L::Base::Deep"/>
          <datawriter_qos topic_filter="b" base_name="tidewire::Event"/>
          <datawriter_qos topic_filter="c" base_name="Near"/>
          <datawriter_qos name="Near" topic_filter="-"><history><depth>6</depth></history></datawriter_qos>
        </qos_profile>"#,
    );
    let mine = library.profile("Mine").unwrap();
    let history = |topic| mine.writer_qos(topic).history;
    assert_eq!(history("a"), History::KeepLast(50));
    assert_eq!(history("b"), History::KeepLast(64));
    assert_eq!(history("c"), History::KeepLast(6));
    assert_eq!(history("d"), History::KeepLast(1));
}

#[test]
fn what_is_said_of_the_topic_holds_for_its_endpoints_until_they_say_otherwise() {
    let profile = only(
        r#"
        <topic_qos topic_filter="pump*">
          <reliability><kind>RELIABLE_RELIABILITY_QOS</kind></reliability>
          <durability><kind>TRANSIENT_LOCAL_DURABILITY_QOS</kind></durability>
          <lifespan><duration><sec>9</sec></duration></lifespan>
        </topic_qos>
        <datareader_qos><durability><kind>VOLATILE_DURABILITY_QOS</kind></durability></datareader_qos>"#,
    );
    let reader = profile.reader_qos("pump1");
    assert!(reader.reliability.is_reliable());
    assert_eq!(reader.durability, Durability::Volatile);
    assert_eq!(profile.writer_qos("pump1").durability, Durability::TransientLocal);
    assert_eq!(profile.writer_qos("valve"), Qos::default_writer());
    // Readers have no lifespan.
    assert_eq!(profile.writer_qos("pump1").lifespan, Duration::from_secs(9));
    assert!(reader.lifespan.is_infinite());
}

#[test]
fn every_shipped_profile_is_sound_and_matches_itself() {
    assert!(shipped::names().contains(&"tidewire::Sensor".to_owned()));
    for name in shipped::names() {
        let profile = load(&name).unwrap();
        let (writer, reader) = (profile.writer_qos("t"), profile.reader_qos("t"));
        writer.validate().unwrap();
        reader.validate().unwrap();
        assert_eq!(check(&writer, &reader), [], "{name}");
    }
}

#[test]
fn presets_equal_the_shipped_profiles() {
    assert_eq!(load("Sensor").unwrap().reader_qos("t"), Qos::sensor_data());
    assert_eq!(load("Sensor").unwrap().writer_qos("t"), Qos::sensor_data());
    assert_eq!(load("Reliable").unwrap().writer_qos("t"), Qos::reliable());
    assert_eq!(load("Event").unwrap().writer_qos("t"), Qos::event());
    assert_eq!(check(&Qos::reliable(), &load("Reliable").unwrap().reader_qos("t")), []);
}

#[test]
fn profiles_are_found_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.xml");
    std::fs::write(
        &path,
        r#"<dds xmlns="http://www.omg.org/spec/DDS-XML" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
             xsi:schemaLocation="http://www.omg.org/spec/DDS-XML dds-xml.xsd">
             <qos_library name="A"><qos_profile name="P"/><qos_profile name="Q" is_default_qos="true"/></qos_library>
             <qos_library name="B"><qos_profile name="P"/></qos_library></dds>"#,
    )
    .unwrap();
    let path = path.display();
    assert_eq!(load(&format!("{path}")).unwrap().name(), "A::Q");
    assert_eq!(load(&format!("{path}::B::P")).unwrap().name(), "B::P");
    assert_eq!(load(&format!("{path}::Event")).unwrap().name(), "tidewire::Event");
    let error = load(&format!("{path}::P")).unwrap_err();
    assert!(matches!(error, QosError::Ambiguous { .. }), "{error}");
    let error = load(&format!("{path}::R")).unwrap_err();
    assert!(matches!(error, QosError::UnknownProfile { .. }), "{error}");
    let error = load("nowhere/mine.xml::P").unwrap_err();
    assert!(matches!(error, QosError::Read { .. }), "{error}");
    assert!(error.to_string().contains("tidewire::Sensor"), "{error}");
}

#[test]
fn a_file_of_several_profiles_without_a_default_must_be_told_which() {
    let library = parse(r#"<qos_profile name="P"/><qos_profile name="Q"/>"#);
    let error = library.default_profile().unwrap_err();
    assert_eq!(
        error.to_string(),
        "test.xml has 2 QoS profiles; name one as test.xml::PROFILE: L::P, L::Q"
    );
    assert_eq!(parse(r#"<qos_profile name="P"/>"#).default_profile().unwrap().name(), "L::P");
}

#[test]
fn a_qos_is_stored_as_json_and_read_back() {
    let mut qos = load("Telemetry").unwrap().writer_qos("t");
    qos.user_data = vec![0, 255, 16];
    qos.partition = vec!["plant".into()];
    qos.data_representation = vec![DataRepresentation::Xcdr2];
    let json = serde_json::to_string(&qos).unwrap();
    assert!(json.contains(r#""reliability":{"reliable":{"max_blocking_time":"1s"}}"#), "{json}");
    assert!(json.contains(r#""user_data":"00ff10""#), "{json}");
    assert_eq!(serde_json::from_str::<Qos>(&json).unwrap(), qos);
    assert_eq!(serde_json::from_str::<Qos>("{}").unwrap(), Qos::default_reader());
}

#[test]
fn properties_of_a_base_stay_unless_said_anew() {
    let element = |name: &str, value: &str| {
        format!(
            "<element><name>{name}</name><value>{value}</value><propagate>false</propagate></element>"
        )
    };
    let base: String = [
        "dds.sec.auth.identity_ca",
        "dds.sec.auth.identity_certificate",
        "dds.sec.auth.private_key",
        "dds.sec.access.permissions_ca",
        "dds.sec.access.governance",
        "dds.sec.access.permissions",
    ]
    .map(|name| element(name, &format!("file:{name}")))
    .concat();
    let participant = |properties: &str| {
        format!(
            "<domain_participant_qos><property><value>{properties}</value></property></domain_participant_qos>"
        )
    };
    let library = parse(&format!(
        r#"<qos_profile name="Base">{}</qos_profile>
           <qos_profile name="Pump" base_name="Base">{}</qos_profile>
           <qos_profile name="Valve" base_name="Base"/>
           <qos_profile name="Open"><datawriter_qos/></qos_profile>"#,
        participant(&base),
        participant(
            &(element("dds.sec.auth.password", "swordfish")
                + &element("dds.sec.auth.private_key", "data:,PEM"))
        ),
    ));
    let security = |name: &str| library.profile(name).unwrap().security().unwrap();
    let (valve, pump) = (security("Valve").unwrap(), security("Pump").unwrap());
    assert_eq!(valve.private_key, "file:dds.sec.auth.private_key");
    assert_eq!((&*pump.private_key, pump.password.as_deref()), ("data:,PEM", Some("swordfish")));
    assert_eq!(pump.governance, valve.governance);
    assert_eq!(security("Open"), None);
    let shown = format!("{pump:?}");
    assert!(!shown.contains("swordfish") && !shown.contains("PEM"), "{shown}");
}
