//! ROS 2 puts `rt` before a topic's name and `dds_` into its type's: `/chatter` of
//! `std_msgs/msg/String` is `rt/chatter` of `std_msgs::msg::dds_::String_` on the bus.

use tidewire_bus::TopicInfo;

/// Before the topics of ROS 2; services and actions have other prefixes.
const PREFIX: &str = "rt/";

/// Whether names are ROS 2's.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Names {
    /// Names are ROS 2's: /chatter for rt/chatter
    #[arg(long)]
    pub ros: bool,
}

impl Names {
    /// The bus's name of the topic a person calls `name`.
    pub fn on_bus(self, name: &str) -> String {
        if !self.ros || name.starts_with(PREFIX) {
            return name.to_owned();
        }
        format!("{PREFIX}{}", name.trim_start_matches('/'))
    }

    /// A topic's name as a person sees it.
    pub fn topic(self, name: &str) -> String {
        match name.strip_prefix(PREFIX) {
            Some(rest) if self.ros => format!("/{rest}"),
            _ => name.to_owned(),
        }
    }

    /// A type's name as a person sees it.
    pub fn ty(self, name: &str) -> String {
        let parts: Vec<&str> = name.split("::").collect();
        match parts.as_slice() {
            [package, kind, "dds_", name] if self.ros => {
                format!("{package}/{kind}/{}", name.strip_suffix('_').unwrap_or(name))
            }
            _ => name.to_owned(),
        }
    }

    /// The bus's name of a type that its IDL calls `name`.
    pub fn type_on_bus(self, name: &str) -> String {
        let parts: Vec<&str> = name.split("::").collect();
        match parts.as_slice() {
            [package, kind @ ("msg" | "srv" | "action"), name] if self.ros => {
                format!("{package}::{kind}::dds_::{name}_")
            }
            _ => name.to_owned(),
        }
    }

    /// Whether `topic list` shows the topic: ROS 2 hides what is not a topic of its own.
    pub fn lists(self, topic: &TopicInfo) -> bool {
        !self.ros || topic.name.starts_with(PREFIX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        let ros = Names { ros: true };
        assert_eq!(ros.on_bus("/chatter"), "rt/chatter");
        assert_eq!(ros.on_bus("chatter"), "rt/chatter");
        assert_eq!(ros.on_bus("rt/chatter"), "rt/chatter");
        assert_eq!(ros.topic("rt/arm/joint_states"), "/arm/joint_states");
        assert_eq!(ros.topic("ros_discovery_info"), "ros_discovery_info");
        assert_eq!(ros.ty("std_msgs::msg::dds_::String_"), "std_msgs/msg/String");
        assert_eq!(ros.ty("plant::Pump"), "plant::Pump");
        for name in ["std_msgs::msg::String", "std_msgs::msg::dds_::String_"] {
            assert_eq!(ros.type_on_bus(name), "std_msgs::msg::dds_::String_");
        }
        assert_eq!(ros.type_on_bus("plant::Pump"), "plant::Pump");
    }

    #[test]
    fn without_ros_names_stay() {
        let plain = Names::default();
        assert_eq!(plain.on_bus("/chatter"), "/chatter");
        assert_eq!(plain.topic("rt/chatter"), "rt/chatter");
        assert_eq!(plain.ty("std_msgs::msg::dds_::String_"), "std_msgs::msg::dds_::String_");
        assert_eq!(plain.type_on_bus("std_msgs::msg::String"), "std_msgs::msg::String");
    }
}
