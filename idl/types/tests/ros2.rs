//! The shipped ROS 2 messages: complete, right for other vendors' tools, and no hindrance to a user's
//! own.

use std::path::Path;

use tidewire_idl::{Codec, Encoding, TypeRegistry, decode, encode, serde_json};
use tidewire_types::{ROS2_IDL, registry};

const COMMON: [&str; 34] = [
    "builtin_interfaces/msg/Time",
    "std_msgs/msg/String",
    "std_msgs/msg/Header",
    "std_msgs/msg/Empty",
    "std_msgs/msg/ColorRGBA",
    "std_msgs/msg/Float64MultiArray",
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/TwistWithCovariance",
    "geometry_msgs/msg/TransformStamped",
    "geometry_msgs/msg/WrenchStamped",
    "sensor_msgs/msg/Imu",
    "sensor_msgs/msg/JointState",
    "sensor_msgs/msg/LaserScan",
    "sensor_msgs/msg/PointCloud2",
    "sensor_msgs/msg/Image",
    "sensor_msgs/msg/CompressedImage",
    "sensor_msgs/msg/CameraInfo",
    "sensor_msgs/msg/NavSatFix",
    "sensor_msgs/msg/BatteryState",
    "sensor_msgs/msg/Temperature",
    "sensor_msgs/msg/FluidPressure",
    "sensor_msgs/msg/MagneticField",
    "sensor_msgs/msg/Range",
    "sensor_msgs/msg/Joy",
    "nav_msgs/msg/Odometry",
    "nav_msgs/msg/Path",
    "nav_msgs/msg/OccupancyGrid",
    "tf2_msgs/msg/TFMessage",
    "diagnostic_msgs/msg/DiagnosticArray",
    "rcl_interfaces/msg/Log",
    "rcl_interfaces/msg/ParameterEvent",
    "rosgraph_msgs/msg/Clock",
    "rmw_dds_common/msg/ParticipantEntitiesInfo",
    "geometry_msgs/msg/PolygonStamped",
];

#[test]
fn common_messages_are_known_by_their_names_in_ros_and_on_the_wire() {
    let types = registry();
    for name in COMMON {
        let message = types.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        let wire = format!("{}_", name.replace("/msg/", "::msg::dds_::"));
        assert_eq!(message.name, wire);
        assert!(types.get(&wire).is_some());
        let codec = Codec::new(&message).unwrap();
        assert!(!codec.is_keyed(), "ROS 2 knows no keys");
        let value = codec.default_value().unwrap();
        let payload = encode(&message, &value, Encoding::XCDR1).unwrap();
        assert_eq!(decode(&message, &payload).unwrap(), value, "{name}");
    }
}

#[test]
fn the_files_stand_on_their_own_for_other_idl_compilers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ros2");
    let mut types = TypeRegistry::new();
    types.add_dir(&folder).unwrap();
    let shipped = registry();
    for name in types.names() {
        assert_eq!(types.get(&name), shipped.get(&name), "{name}");
    }
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, ROS2_IDL.len(), "a file is not embedded");
}

#[test]
fn a_users_messages_build_on_the_shipped_ones_and_may_replace_them() {
    let mut types = registry();
    types.add_str("arm_msgs/msg/Grip.msg", "std_msgs/Header header\nfloat64 force\n").unwrap();
    assert!(types.get("arm_msgs/msg/Grip").is_some());

    let imu = types.get("sensor_msgs/msg/Imu").unwrap();
    types.add_str("std_msgs/msg/Header.msg", "builtin_interfaces/Time stamp\n").unwrap();
    let changed = types.get("sensor_msgs/msg/Imu").unwrap();
    assert_ne!(imu, changed, "what holds a header holds the user's");
    let again = types.add_str("std_msgs/msg/Header.msg", "string frame_id\n");
    assert!(again.is_err(), "two definitions of the user's own");
}

#[test]
fn a_message_that_grew_is_read_in_its_old_form_too() {
    let types = registry();
    let range = types.get("sensor_msgs/msg/Range").unwrap();
    let mut old = TypeRegistry::new();
    let text = "module m { @final struct Range { long sec; unsigned long nanosec; string frame_id; \
                octet kind; float view; float lowest; float highest; float range; }; };";
    old.add_str("old.idl", text).unwrap();
    let old = old.get("m::Range").unwrap();
    let json = serde_json::json!({ "sec": 1, "nanosec": 2, "frame_id": "bumper", "kind": 1,
        "view": 0.5, "lowest": 0.25, "highest": 4.0, "range": 1.5 });
    let value = tidewire_idl::Value::from_json(&old, &json).unwrap();
    let payload = encode(&old, &value, Encoding::XCDR1).unwrap();
    let read = decode(&range, &payload).unwrap();
    assert_eq!(read.get("range").and_then(|v| v.as_f64()), Some(1.5));
    assert_eq!(read.get("variance").and_then(|v| v.as_f64()), Some(0.0));
}
