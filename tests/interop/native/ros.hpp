// ROS 2 messages as its middleware puts them on the wire: type names in `msg::dds_`, one underscore behind.
#pragma once

#include "model.hpp"

namespace ros {

struct String {
  static constexpr const char *dds_type = "std_msgs::msg::dds_::String_";
  std::string data;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("data", false, a.data, b.data);
  }
  static String make(uint32_t i, size_t) { return {"Hello World: " + std::to_string(i)}; }
};

struct Time {
  int32_t sec = 0;
  uint32_t nanosec = 0;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("sec", false, a.sec, b.sec);
    f("nanosec", false, a.nanosec, b.nanosec);
  }
};

struct Header {
  Time stamp;
  std::string frame_id;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("stamp", false, a.stamp, b.stamp);
    f("frame_id", false, a.frame_id, b.frame_id);
  }
};

struct Vector3 {
  double x = 0, y = 0, z = 0;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("x", false, a.x, b.x);
    f("y", false, a.y, b.y);
    f("z", false, a.z, b.z);
  }
};

struct Quaternion {
  double x = 0, y = 0, z = 0, w = 1;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("x", false, a.x, b.x);
    f("y", false, a.y, b.y);
    f("z", false, a.z, b.z);
    f("w", false, a.w, b.w);
  }
};

struct Imu {
  static constexpr const char *dds_type = "sensor_msgs::msg::dds_::Imu_";
  Header header;
  Quaternion orientation;
  std::array<double, 9> orientation_covariance{};
  Vector3 angular_velocity;
  std::array<double, 9> angular_velocity_covariance{};
  Vector3 linear_acceleration;
  std::array<double, 9> linear_acceleration_covariance{};
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("header", false, a.header, b.header);
    f("orientation", false, a.orientation, b.orientation);
    f("orientation_covariance", false, a.orientation_covariance, b.orientation_covariance);
    f("angular_velocity", false, a.angular_velocity, b.angular_velocity);
    f("angular_velocity_covariance", false, a.angular_velocity_covariance,
      b.angular_velocity_covariance);
    f("linear_acceleration", false, a.linear_acceleration, b.linear_acceleration);
    f("linear_acceleration_covariance", false, a.linear_acceleration_covariance,
      b.linear_acceleration_covariance);
  }
  static Imu make(uint32_t i, size_t) {
    Imu v;
    v.header.stamp = {static_cast<int32_t>(i), i * 1000};
    v.header.frame_id = "imu_link";
    v.orientation_covariance[4] = 0.25;
    v.angular_velocity = {0.5 * i, 0, -1};
    v.linear_acceleration = {0, 0.125, 9.8125};
    return v;
  }
};

// rmw_dds_common/msg/Gid: 24 bytes until Humble, 16 since Iron.
template <size_t N> struct GidOf {
  std::array<uint8_t, N> data{};
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("data", false, a.data, b.data);
  }
};

template <size_t N> struct NodeOf {
  std::string node_namespace, node_name;
  std::vector<GidOf<N>> reader_gid_seq, writer_gid_seq;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("node_namespace", false, a.node_namespace, b.node_namespace);
    f("node_name", false, a.node_name, b.node_name);
    f("reader_gid_seq", false, a.reader_gid_seq, b.reader_gid_seq);
    f("writer_gid_seq", false, a.writer_gid_seq, b.writer_gid_seq);
  }
};

// What ros_discovery_info carries.
template <size_t N> struct GraphOf {
  static constexpr const char *dds_type = "rmw_dds_common::msg::dds_::ParticipantEntitiesInfo_";
  GidOf<N> gid;
  std::vector<NodeOf<N>> node_entities_info_seq;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("gid", false, a.gid, b.gid);
    f("node_entities_info_seq", false, a.node_entities_info_seq, b.node_entities_info_seq);
  }
  // Set by the `node` command before it is written.
  static GraphOf make(uint32_t, size_t) { return current(); }
  static GraphOf &current() {
    static GraphOf graph;
    return graph;
  }
};

using Graph = GraphOf<24>;
using Graph16 = GraphOf<16>;

} // namespace ros
