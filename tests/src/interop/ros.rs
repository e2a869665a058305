use serde_json::{Value, json};
use tidewire_bus::RawTopic;
use tidewire_bus::testing::free_domain;
use tidewire_idl::Encoding;
use tidewire_qos::Qos;

use super::tools::{interrupt, recorded, run, run_json};
use super::{Vendor, participant};
use crate::{Child, PATIENCE, text, tidewire, until};

impl Vendor {
    /// The peers' word for what ROS 2 tells on `ros_discovery_info` over this vendor's DDS: with GUIDs
    /// of 24 bytes, as until Humble, or of 16.
    const fn graph(self) -> &'static str {
        match self {
            Self::FastDds => "Graph",
            Self::Cyclone010 => "Graph16",
        }
    }
}

/// Topics, types and nodes of a ROS 2 process, published exactly as its middleware does.
///
/// # Panics
/// A tool does not understand it.
pub fn a_ros_talker_is_understood(vendor: Vendor) {
    // Debian's Fast DDS 2.9.1 is built with assertions, and one of its statistics module ends the
    // process now and then when participants come and go quickly: that proves nothing about us.
    for _ in 0..3 {
        let Err(panic) = std::panic::catch_unwind(|| talker(vendor)) else { return };
        let said = panic.downcast_ref::<String>().map_or("", String::as_str);
        if vendor != Vendor::FastDds || !said.ends_with("its output ended") {
            std::panic::resume_unwind(panic);
        }
        eprintln!("the Fast DDS program has aborted; once more");
    }
    panic!("the Fast DDS program aborts every time");
}

fn talker(vendor: Vendor) {
    let domain = free_domain();
    let Some(peer) = vendor.start_ros(domain) else { return };
    let number = domain.to_string();
    let on = ["--domain", &number];
    peer.tell("writer chatter rt/chatter String keep_last=20", "created");
    peer.tell("writer imu rt/imu Imu best_effort keep_last=5", "created");
    peer.tell("reader cmd rt/cmd String keep_last=10", "created");
    let create =
        format!("writer graph ros_discovery_info {} transient_local keep_last=1", vendor.graph());
    peer.tell(&create, "created");
    peer.tell("node / talker writers=chatter readers=cmd", "noted");
    peer.tell("node /arm driver writers=imu", "noted");
    peer.tell("write graph 0 1", "written");

    let (string, imu) = (json!("std_msgs/msg/String"), json!("sensor_msgs/msg/Imu"));
    let wanted = [
        json!({ "topic": "/chatter", "type": string, "known": true }),
        json!({ "topic": "/cmd", "type": string, "known": true }),
        json!({ "topic": "/imu", "type": imu, "known": true }),
    ];
    // Discovery may take longer than the tool looks.
    until("all topics are listed by their ROS names", || {
        let list = run_json(&[&["topic", "list", "--ros"][..], &on].concat());
        let topics = list.as_array().into_iter().flatten();
        let told = topics
            .map(|t| json!({ "topic": t["topic"], "type": t["type"], "known": t["type_known"] }));
        told.eq(wanted.iter().cloned())
    });

    let info = run_json(&[&["topic", "info", "rt/chatter"][..], &on].concat());
    assert_eq!(info["writers"][0]["ros_node"], "/talker", "{info}");
    let info = run_json(&[&["topic", "info", "--ros", "/imu"][..], &on].concat());
    assert_eq!(info["writers"][0]["ros_node"], "/arm/driver", "{info}");
    assert_eq!((&info["topic"], &info["type"]), (&json!("/imu"), &imu), "{info}");
    // One tool less for Fast DDS: see above.
    if vendor != Vendor::FastDds {
        let hz = ["topic", "hz", "--ros", "chatter", "--for", "100ms"];
        let hz = run_json(&[&hz[..], &on].concat());
        assert_eq!(hz["topic"], "/chatter", "{hz}");
    }
    let shown = run(&[&["topic", "info", "--ros", "chatter"][..], &on].concat());
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("topic: /chatter") && shown.contains("  /talker"), "{shown}");

    let nodes = run_json(&[&["node", "list"][..], &on].concat());
    assert_eq!(nodes[0]["ros_nodes"], json!(["/talker", "/arm/driver"]), "{nodes}");
    let node = run(&[&["node", "info", "/arm/driver"][..], &on].concat());
    let node = String::from_utf8_lossy(&node.stdout).into_owned();
    assert!(
        node.contains("rt/imu") && node.contains("ROS 2 nodes: /talker, /arm/driver"),
        "{node}"
    );

    let scratch = tempfile::tempdir().expect("the temporary directory can be written");
    let dir = scratch.path().join("recording");
    let recorder = Child::spawn(&mut tidewire(
        &[&["record", "--ros", "/chatter", "-o", text(&dir)][..], &on].concat(),
    ));
    let echo = Child::spawn(&mut tidewire(
        &[&["topic", "echo", "--ros", "/chatter", "-n", "20", "--json"][..], &on].concat(),
    ));
    peer.tell("await chatter 2", "matched");
    std::thread::sleep(std::time::Duration::from_millis(500));
    peer.tell("write chatter 0 20 gap_us=1000", "written");
    for i in 0..20 {
        let line: Value = serde_json::from_str(&echo.line(PATIENCE)).expect("a JSON line");
        assert_eq!(line["value"], json!({ "data": format!("Hello World: {i}") }));
    }
    until("all samples are recorded", || recorded(&dir, "rt/chatter").len() >= 20);
    interrupt(recorder);
    let sql = "SELECT count(*) AS n, max(data) AS last FROM \"rt/chatter\"";
    let output = run(&["query", "-d", text(&dir), "--format", "json", sql]);
    let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON on standard output");
    assert_eq!(rows, json!([{ "n": 20, "last": "Hello World: 9" }]));

    let echo = Child::spawn(&mut tidewire(
        &[&["topic", "echo", "rt/imu", "-n", "1", "--json"][..], &on].concat(),
    ));
    peer.tell("await imu 1", "matched");
    peer.tell("write imu 0 300 gap_us=5000", "written");
    let line: Value = serde_json::from_str(&echo.line(PATIENCE)).expect("a JSON line");
    let imu = &line["value"];
    let i = imu["header"]["stamp"]["sec"].as_i64().unwrap_or(-1);
    assert!(i >= 0, "{line}");
    assert_eq!(imu["header"]["frame_id"], "imu_link");
    assert_eq!(imu["orientation"]["w"], 1.0);
    assert_eq!(imu["orientation_covariance"][4], 0.25);
    assert_eq!(imu["angular_velocity"]["x"], 0.5 * i as f64);
    assert_eq!(imu["linear_acceleration"]["z"], 9.8125);
    peer.quit();
}

/// Our samples of a shipped ROS 2 type reach a subscription of a ROS 2 process.
///
/// # Panics
/// One differs.
pub fn we_talk_to_a_ros_listener(vendor: Vendor) {
    let domain = free_domain();
    let Some(peer) = vendor.start_ros(domain) else { return };
    let bus = participant(domain);
    let types = tidewire_types::registry();
    let string = types.get("std_msgs/msg/String").expect("shipped");
    let topic = RawTopic::new("rt/chatter", &string.name, false);
    let writer = bus.raw_writer(&topic, &Qos::reliable()).expect("a writer");
    peer.tell("reader r rt/chatter String keep_last=10", "created");
    writer.wait_for_readers(1, PATIENCE).expect("their reader is found");
    peer.tell("await r 1", "matched");
    for i in 0..20 {
        let json = json!({ "data": format!("Hello ROS: {i}") });
        let value = tidewire_idl::Value::from_json(&string, &json).expect("a string");
        let payload = tidewire_idl::encode(&string, &value, Encoding::XCDR1).expect("a string");
        super::exchange::write(&writer, &payload);
        assert_eq!(peer.received(1)[0]["value"], json);
    }
    peer.quit();
}
