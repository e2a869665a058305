// The samples of the native peers: what they hold, how sample number i looks, how one is shown as JSON.
//
// Every type lists its members once, in `members`; codecs, keys and JSON walk that list.
#pragma once

#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>
#include <type_traits>
#include <vector>

namespace model {

using Octets = std::vector<uint8_t>;

struct Valve {
  static constexpr const char *dds_type = "works::Valve";
  std::string line;
  uint32_t number = 0;
  double position = 0;
  std::vector<std::string> alarms;
  int64_t opened = 0;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("line", true, a.line, b.line);
    f("number", true, a.number, b.number);
    f("position", false, a.position, b.position);
    f("alarms", false, a.alarms, b.alarms);
    f("opened", false, a.opened, b.opened);
  }
  static Valve make(uint32_t i, size_t) {
    Valve v;
    v.line = "line-" + std::to_string(i % 3);
    v.number = i % 2;
    v.position = i * 0.25;
    for (uint32_t j = 0; j < i % 4; j++) v.alarms.push_back("alarm " + std::to_string(j));
    v.opened = -static_cast<int64_t>(i);
    return v;
  }
};

struct Tick {
  static constexpr const char *dds_type = "works::Tick";
  uint64_t count = 0;
  std::string note;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("count", false, a.count, b.count);
    f("note", false, a.note, b.note);
  }
  static Tick make(uint32_t i, size_t) {
    Tick t;
    t.count = i;
    t.note = std::string(i % 7, 'x');
    return t;
  }
};

// No two samples alike, and no two neighbouring blocks of one.
inline Octets pattern(uint32_t i, size_t size) {
  Octets data(size);
  uint32_t state = i * 2654435761u + 1;
  for (auto &byte : data) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return data;
}

struct Frame {
  static constexpr const char *dds_type = "works::Frame";
  uint32_t count = 0;
  Octets data;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("count", false, a.count, b.count);
    f("data", false, a.data, b.data);
  }
  static Frame make(uint32_t i, size_t size) {
    Frame v;
    v.count = i;
    v.data = pattern(i, size);
    return v;
  }
};

struct View {
  static constexpr const char *dds_type = "works::View";
  uint32_t camera = 0;
  uint32_t count = 0;
  Octets data;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("camera", true, a.camera, b.camera);
    f("count", false, a.count, b.count);
    f("data", false, a.data, b.data);
  }
  static View make(uint32_t i, size_t size) {
    View v;
    v.camera = i % 5;
    v.count = i;
    v.data = pattern(i, size);
    return v;
  }
};

struct OrderV1 {
  static constexpr const char *dds_type = "works::Order";
  uint32_t id = 0;
  std::string item;
  double price = 0;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("id", true, a.id, b.id);
    f("item", false, a.item, b.item);
    f("price", false, a.price, b.price);
  }
  static OrderV1 make(uint32_t i, size_t) {
    OrderV1 v;
    v.id = i % 4;
    v.item = "item " + std::to_string(i);
    v.price = i * 0.5;
    return v;
  }
};

struct OrderV2 {
  static constexpr const char *dds_type = "works::Order";
  uint32_t id = 0;
  std::string item;
  double price = 0;
  uint16_t quantity = 0;
  std::vector<std::string> notes;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("id", true, a.id, b.id);
    f("item", false, a.item, b.item);
    f("price", false, a.price, b.price);
    f("quantity", false, a.quantity, b.quantity);
    f("notes", false, a.notes, b.notes);
  }
  static OrderV2 make(uint32_t i, size_t) {
    OrderV2 v;
    v.id = i % 4;
    v.item = "item " + std::to_string(i);
    v.price = i * 0.5;
    v.quantity = static_cast<uint16_t>(i + 1);
    v.notes.assign(i % 3, "note");
    return v;
  }
};

struct RecipeV1 {
  static constexpr const char *dds_type = "works::Recipe";
  uint32_t number = 0;
  std::string name;
  double temperature = 0;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("number", true, a.number, b.number);
    f("name", false, a.name, b.name);
    f("temperature", false, a.temperature, b.temperature);
  }
  static RecipeV1 make(uint32_t i, size_t) {
    RecipeV1 v;
    v.number = i % 4;
    v.name = "recipe " + std::to_string(i);
    v.temperature = i * 0.5;
    return v;
  }
};

struct RecipeV2 {
  static constexpr const char *dds_type = "works::Recipe";
  uint32_t number = 0;
  std::vector<double> steps;
  std::string name;
  template <class A, class B, class F> static void members(A &a, B &b, F &&f) {
    f("number", true, a.number, b.number);
    f("steps", false, a.steps, b.steps);
    f("name", false, a.name, b.name);
  }
  static RecipeV2 make(uint32_t i, size_t) {
    RecipeV2 v;
    v.number = i % 4;
    for (uint32_t j = 0; j < i % 3; j++) v.steps.push_back(j + 0.5);
    v.name = "recipe " + std::to_string(i);
    return v;
  }
};

// What is a struct of the model, and not a number, string or sequence.
template <class T, class = void> struct is_struct : std::false_type {};
template <class T>
struct is_struct<T, std::void_t<decltype(&T::template members<T, T, void (*)(...)>)>>
    : std::true_type {};

// --- JSON ---

inline void quote(std::string &out, const std::string &text) {
  out += '"';
  for (unsigned char c : text) {
    char escaped[8];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 0x20) {
      snprintf(escaped, sizeof escaped, "\\u%04x", c);
      out += escaped;
    } else {
      out += static_cast<char>(c);
    }
  }
  out += '"';
}

template <class T> void json(std::string &out, const T &value);

inline void json_of(std::string &out, const std::string &value) { quote(out, value); }

// Long runs of octets are shown by their length and FNV-1a hash.
inline void json_of(std::string &out, const Octets &data) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (uint8_t byte : data) hash = (hash ^ byte) * 0x100000001b3u;
  char text[96];
  snprintf(text, sizeof text, "{\"length\":%zu,\"fnv\":\"%016" PRIx64 "\"}", data.size(), hash);
  out += text;
}

template <class T> void json_list(std::string &out, const T &list) {
  out += '[';
  bool first = true;
  for (const auto &value : list) {
    if (!first) out += ',';
    first = false;
    json(out, value);
  }
  out += ']';
}
template <class T> void json_of(std::string &out, const std::vector<T> &list) { json_list(out, list); }
template <class T, size_t N> void json_of(std::string &out, const std::array<T, N> &list) {
  json_list(out, list);
}

template <class T> void json(std::string &out, const T &value) {
  if constexpr (std::is_same_v<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_floating_point_v<T>) {
    char text[40];
    snprintf(text, sizeof text, "%.17g", static_cast<double>(value));
    out += text;
    // A whole number is still no integer.
    if (std::string(text).find_first_not_of("-0123456789") == std::string::npos) out += ".0";
  } else if constexpr (std::is_integral_v<T>) {
    out += std::to_string(value);
  } else if constexpr (is_struct<T>::value) {
    out += '{';
    bool first = true;
    T::members(value, value, [&](const char *member, bool, const auto &field, const auto &) {
      if (!first) out += ',';
      first = false;
      quote(out, member);
      out += ':';
      json(out, field);
    });
    out += '}';
  } else {
    json_of(out, value);
  }
}

// The key members alone; `null` if there are none.
template <class T> std::string key_json(const T &value) {
  std::string out;
  T::members(value, value, [&](const char *member, bool key, const auto &field, const auto &) {
    if (!key) return;
    out += out.empty() ? '{' : ',';
    quote(out, member);
    out += ':';
    json(out, field);
  });
  return out.empty() ? "null" : out + "}";
}

} // namespace model
