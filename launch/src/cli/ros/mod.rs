//! ROS 2 on the bus: how its middleware names topics and types, and which node an endpoint belongs to.

mod graph;
mod names;

pub use graph::Graph;
pub use names::Names;
