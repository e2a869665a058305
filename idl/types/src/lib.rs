//! The types Tidewire ships: sensors, market data, events and benchmark blocks.
//!
//! This room holds five IDL files and what the build makes of them, and the common messages of ROS 2
//! (`ros2/*.idl`), which are known at run time only. It may use `tidewire-idl` only.
//! Start with the `*.idl` files beside `Cargo.toml`; every type has its run-time description in
//! [`registry`], so that the command line, the recorder and SQL know it as well as Rust does.
//! All are `@final`, and keyed by their collection point except the benchmark blocks.
//!
//! ```
//! use tidewire_types::{registry, sensor::Vibration};
//! use tidewire_types::idl::{decode, Encoding, TypeSupport};
//!
//! let sample = Vibration { point: "plant/pump1".into(), x: 0.25, ..Default::default() };
//! let mut payload = Vec::new();
//! sample.encode(Encoding::default(), &mut payload);
//! assert_eq!(Vibration::decode(&payload)?, sample);
//!
//! let known = registry().get("tidewire::sensor::Vibration").expect("it is shipped");
//! assert_eq!(decode(&known, &payload)?.get("point").and_then(|p| p.as_str()), sample.point());
//! # Ok::<(), tidewire_types::idl::CdrError>(())
//! ```

use std::sync::OnceLock;

use tidewire_idl::TypeRegistry;

pub use tidewire_idl as idl;

mod generated {
    #![allow(clippy::all, clippy::pedantic, clippy::undocumented_unsafe_blocks)]
    #![allow(dead_code, unused_imports, unused_variables, unused_mut, non_camel_case_types)]
    include!(concat!(env!("OUT_DIR"), "/idl.rs"));
}

pub use generated::tidewire::{bench, event, line, market, sensor};

/// The IDL texts the types are made from: file name and content.
pub const IDL: [(&str, &str); 5] = [
    ("sensor.idl", include_str!("../sensor.idl")),
    ("market.idl", include_str!("../market.idl")),
    ("event.idl", include_str!("../event.idl")),
    ("bench.idl", include_str!("../bench.idl")),
    ("line.idl", include_str!("../line.idl")),
];

/// The IDL texts of the ROS 2 messages that are known at run time: file name and content, each after
/// those it includes. Types have the names they have on the wire, `std_msgs::msg::dds_::String_`.
pub const ROS2_IDL: [(&str, &str); 10] = [
    ("builtin_interfaces.idl", include_str!("../ros2/builtin_interfaces.idl")),
    ("std_msgs.idl", include_str!("../ros2/std_msgs.idl")),
    ("geometry_msgs.idl", include_str!("../ros2/geometry_msgs.idl")),
    ("sensor_msgs.idl", include_str!("../ros2/sensor_msgs.idl")),
    ("nav_msgs.idl", include_str!("../ros2/nav_msgs.idl")),
    ("tf2_msgs.idl", include_str!("../ros2/tf2_msgs.idl")),
    ("diagnostic_msgs.idl", include_str!("../ros2/diagnostic_msgs.idl")),
    ("rcl_interfaces.idl", include_str!("../ros2/rcl_interfaces.idl")),
    ("rosgraph_msgs.idl", include_str!("../ros2/rosgraph_msgs.idl")),
    ("rmw_dds_common.idl", include_str!("../ros2/rmw_dds_common.idl")),
];

/// A registry of all shipped types, to which others can be added. A ROS 2 message that is added takes
/// the place of a shipped one of the same name.
pub fn registry() -> TypeRegistry {
    static SHIPPED: OnceLock<TypeRegistry> = OnceLock::new();
    SHIPPED
        .get_or_init(|| {
            let mut types = TypeRegistry::new();
            for (name, text) in ROS2_IDL {
                // What it includes is there already.
                let text: String = text
                    .lines()
                    .map(|line| if line.starts_with("#include") { "" } else { line })
                    .flat_map(|line| [line, "\n"])
                    .collect();
                types.add_str(name, &text).expect("tested with every build");
            }
            types.may_be_replaced();
            for (name, text) in IDL {
                types.add_str(name, text).expect("the build generated code from the same text");
            }
            types
        })
        .clone()
}
