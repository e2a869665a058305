// A program on Cyclone DDS 0.10 that knows nothing of Tidewire; script.hpp tells its language.
//
// Its types are compiled by Cyclone's own idlc; samples are moved between those C structs and the model.

#include <cstring>
#include <memory>
#include <type_traits>

#include <dds/dds.h>
#include <dds/ddsi/ddsi_serdata.h>

#include "ros.hpp"
#include "script.hpp"
#include "works.h"
#include "sensor_msgs.h"
#include "std_msgs.h"
#include "rmw_dds_common.h"

namespace {

// --- between the model and idlc's C ---

template <class M, class C> void to_c(const M &from, C &to);

void to_c_any(const std::string &from, char *&to) { to = dds_string_dup(from.c_str()); }
template <class M, class C>
std::enable_if_t<std::is_arithmetic_v<M>> to_c_any(const M &from, C &to) { to = static_cast<C>(from); }
template <class M, size_t N, class C> void to_c_any(const std::array<M, N> &from, C (&to)[N]) {
  for (size_t n = 0; n < N; n++) to_c(from[n], to[n]);
}
template <class M, class S> void to_c_any(const std::vector<M> &from, S &to) {
  using Element = std::remove_pointer_t<decltype(to._buffer)>;
  to._maximum = to._length = static_cast<uint32_t>(from.size());
  to._buffer = static_cast<Element *>(dds_alloc(from.size() * sizeof(Element)));
  to._release = true;
  if constexpr (std::is_same_v<M, uint8_t>) {
    if (!from.empty()) memcpy(to._buffer, from.data(), from.size());
  } else {
    for (size_t n = 0; n < from.size(); n++) to_c(from[n], to._buffer[n]);
  }
}
template <class M, class C> void to_c(const M &from, C &to) {
  if constexpr (model::is_struct<M>::value) {
    M::members(from, to, [](const char *, bool, const auto &a, auto &b) { to_c(a, b); });
  } else {
    to_c_any(from, to);
  }
}

template <class M, class C> void from_c(M &to, const C &from);

void from_c_any(std::string &to, const char *const &from) { to = from ? from : ""; }
template <class M, class C>
std::enable_if_t<std::is_arithmetic_v<M>> from_c_any(M &to, const C &from) { to = static_cast<M>(from); }
template <class M, size_t N, class C> void from_c_any(std::array<M, N> &to, const C (&from)[N]) {
  for (size_t n = 0; n < N; n++) from_c(to[n], from[n]);
}
template <class M, class S> void from_c_any(std::vector<M> &to, const S &from) {
  if constexpr (std::is_same_v<M, uint8_t>) {
    to.assign(from._buffer, from._buffer + from._length);
  } else {
    to.resize(from._length);
    for (size_t n = 0; n < to.size(); n++) from_c(to[n], from._buffer[n]);
  }
}
template <class M, class C> void from_c(M &to, const C &from) {
  if constexpr (model::is_struct<M>::value) {
    M::members(to, from, [](const char *, bool, auto &a, const auto &b) { from_c(a, b); });
  } else {
    from_c_any(to, from);
  }
}

// --- types ---

class Type {
public:
  explicit Type(const dds_topic_descriptor_t &made, const char *name)
      : descriptor(with_name(made, name)) {}
  virtual ~Type() = default;
  // A C sample, for `release`.
  virtual void *make(uint32_t i, size_t size) const = 0;
  virtual std::string json(const void *sample) const = 0;
  virtual std::string key_json(const void *sample) const = 0;

  void release(void *sample) const { dds_sample_free(sample, &descriptor, DDS_FREE_ALL); }
  void *empty() const {
    void *sample = dds_alloc(descriptor.m_size);
    memset(sample, 0, descriptor.m_size);
    return sample;
  }

  // idlc's name is that of the IDL; versions of a type share one, and ROS 2 decorates its own.
  const dds_topic_descriptor_t descriptor;

private:
  static dds_topic_descriptor_t with_name(const dds_topic_descriptor_t &made, const char *name) {
    dds_topic_descriptor_t copy(made);
    copy.m_typename = name;
    if (strcmp(name, made.m_typename) != 0) {
      // Its type information says the other name.
      const_cast<uint32_t &>(copy.m_flagset) &= ~static_cast<uint32_t>(DDS_TOPIC_XTYPES_METADATA);
    }
    return copy;
  }
};

template <class M, class C> class TypeOf : public Type {
public:
  using Type::Type;

  void *make(uint32_t i, size_t size) const override {
    auto *sample = static_cast<C *>(empty());
    to_c(M::make(i, size), *sample);
    return sample;
  }
  std::string json(const void *sample) const override {
    M value;
    from_c(value, *static_cast<const C *>(sample));
    std::string out;
    model::json(out, value);
    return out;
  }
  std::string key_json(const void *sample) const override {
    M value;
    from_c(value, *static_cast<const C *>(sample));
    return model::key_json(value);
  }
};

template <class M, class C>
std::pair<const std::string, std::shared_ptr<Type>> entry(const char *word, const dds_topic_descriptor_t &made) {
  return {word, std::make_shared<TypeOf<M, C>>(made, M::dds_type)};
}

#define WORK(word) entry<model::word, works_##word>(#word, works_##word##_desc)

const std::map<std::string, std::shared_ptr<Type>> TYPES = {
    WORK(Valve),   WORK(Tick),    WORK(Frame),    WORK(View),
    WORK(OrderV1), WORK(OrderV2), WORK(RecipeV1), WORK(RecipeV2),
    entry<ros::String, std_msgs_msg_dds__String_>("String", std_msgs_msg_dds__String__desc),
    entry<ros::Imu, sensor_msgs_msg_dds__Imu_>("Imu", sensor_msgs_msg_dds__Imu__desc),
    entry<ros::Graph16, rmw_dds_common_msg_dds__ParticipantEntitiesInfo_>(
        "Graph16", rmw_dds_common_msg_dds__ParticipantEntitiesInfo__desc),
};

// --- entities ---

struct Endpoint {
  dds_entity_t entity = 0;
  std::shared_ptr<Type> type;
  bool writes = false;
  // The last sample, for its type.
  struct ddsi_serdata *last = nullptr;
};

dds_entity_t check(dds_return_t code, const char *what) {
  if (code < 0) throw std::runtime_error(std::string(what) + ": " + dds_strretcode(code));
  return code;
}

class Cyclone : public script::Vendor {
public:
  ~Cyclone() override {
    while (!endpoints.empty()) close(std::string(endpoints.begin()->first));
    dds_delete(member);
  }

  void secure(dds_qos_t *qos) {
    auto plugin = [&](const std::string &kind, const char *library, const char *functions) {
      const std::string prefix = "dds.sec." + kind + ".library.";
      dds_qset_prop(qos, (prefix + "path").c_str(), (plugins + "/libdds_security_" + library + ".so").c_str());
      dds_qset_prop(qos, (prefix + "init").c_str(), (std::string("init_") + functions).c_str());
      dds_qset_prop(qos, (prefix + "finalize").c_str(), (std::string("finalize_") + functions).c_str());
    };
    plugin("auth", "auth", "authentication");
    plugin("access", "ac", "access_control");
    plugin("crypto", "crypto", "crypto");
    auto file = [&](const char *name, const char *file) { dds_qset_prop(qos, name, ("file:" + keys + "/" + file).c_str()); };
    file("dds.sec.auth.identity_ca", "identity_ca.cert.pem");
    file("dds.sec.auth.identity_certificate", "cert.pem");
    file("dds.sec.auth.private_key", "key.pem");
    file("dds.sec.access.permissions_ca", "permissions_ca.cert.pem");
    file("dds.sec.access.governance", "governance.p7s");
    file("dds.sec.access.permissions", "permissions.p7s");
  }

  void participant(unsigned domain, const std::string &name, const std::string &user_data) override {
    dds_qos_t *qos = dds_create_qos();
    if (!name.empty()) dds_qset_entity_name(qos, name.c_str());
    if (!user_data.empty()) dds_qset_userdata(qos, user_data.data(), user_data.size());
    if (!keys.empty()) secure(qos);
    member = check(dds_create_participant(domain, qos, nullptr), "dds_create_participant");
    dds_delete_qos(qos);
  }

  void make(const script::Options &what, bool writes) {
    auto found = TYPES.find(what.type);
    if (found == TYPES.end()) throw std::runtime_error("this peer has no such type");
    Endpoint endpoint;
    endpoint.type = found->second;
    endpoint.writes = writes;
    dds_qos_t *qos = dds_create_qos();
    dds_qset_reliability(qos, what.reliable ? DDS_RELIABILITY_RELIABLE : DDS_RELIABILITY_BEST_EFFORT,
                         DDS_SECS(25));
    dds_qset_durability(qos, what.transient_local ? DDS_DURABILITY_TRANSIENT_LOCAL : DDS_DURABILITY_VOLATILE);
    dds_qset_history(qos, what.keep_last ? DDS_HISTORY_KEEP_LAST : DDS_HISTORY_KEEP_ALL, what.keep_last);
    // For late joiners, as deep as the history itself.
    dds_qset_durability_service(qos, 0, what.keep_last ? DDS_HISTORY_KEEP_LAST : DDS_HISTORY_KEEP_ALL,
                                what.keep_last, -1, -1, -1);
    if (what.xcdr) {
      dds_data_representation_id_t id =
          what.xcdr == 1 ? DDS_DATA_REPRESENTATION_XCDR1 : DDS_DATA_REPRESENTATION_XCDR2;
      dds_qset_data_representation(qos, 1, &id);
    }
    dds_entity_t topic = check(
        dds_create_topic(member, &endpoint.type->descriptor, what.topic.c_str(), qos, nullptr), "dds_create_topic");
    endpoint.entity = writes ? check(dds_create_writer(member, topic, qos, nullptr), "dds_create_writer")
                             : check(dds_create_reader(member, topic, qos, nullptr), "dds_create_reader");
    dds_delete_qos(qos);
    endpoints[what.id] = endpoint;
  }

  void writer(const script::Options &what) override { make(what, true); }
  void reader(const script::Options &what) override { make(what, false); }

  Endpoint &find(const std::string &id) {
    auto found = endpoints.find(id);
    if (found == endpoints.end()) throw std::runtime_error("no endpoint " + id);
    return found->second;
  }

  int matched(const std::string &id) override {
    Endpoint &endpoint = find(id);
    if (endpoint.writes) {
      dds_publication_matched_status_t status;
      check(dds_get_publication_matched_status(endpoint.entity, &status), "matched");
      return static_cast<int>(status.current_count);
    }
    dds_subscription_matched_status_t status;
    check(dds_get_subscription_matched_status(endpoint.entity, &status), "matched");
    return static_cast<int>(status.current_count);
  }

  void write(const std::string &id, uint32_t i, size_t size) override {
    Endpoint &endpoint = find(id);
    void *sample = endpoint.type->make(i, size);
    dds_return_t code = dds_write(endpoint.entity, sample);
    endpoint.type->release(sample);
    check(code, "dds_write");
  }

  void dispose(const std::string &id, uint32_t i, bool unregister) override {
    Endpoint &endpoint = find(id);
    void *sample = endpoint.type->make(i, 0);
    dds_return_t code = unregister ? dds_unregister_instance(endpoint.entity, sample)
                                   : dds_dispose(endpoint.entity, sample);
    endpoint.type->release(sample);
    check(code, "dds_dispose");
  }

  bool acknowledged(const std::string &id, double seconds) override {
    return dds_wait_for_acks(find(id).entity, static_cast<dds_duration_t>(seconds * 1e9)) == DDS_RETCODE_OK;
  }

  void close(const std::string &id) override {
    Endpoint &endpoint = find(id);
    if (endpoint.last) ddsi_serdata_unref(endpoint.last);
    check(dds_delete(endpoint.entity), "dds_delete");
    endpoints.erase(id);
  }

  script::Guid guid(const std::string &id) override {
    dds_guid_t guid;
    check(dds_get_guid(id.empty() ? member : find(id).entity, &guid), "dds_get_guid");
    script::Guid out;
    std::copy_n(guid.v, out.size(), out.begin());
    return out;
  }

  void poll() override {
    for (auto &[id, endpoint] : endpoints) {
      if (endpoint.writes) continue;
      constexpr uint32_t MOST = 32;
      struct ddsi_serdata *taken[MOST];
      dds_sample_info_t infos[MOST];
      int count;
      while ((count = dds_takecdr(endpoint.entity, taken, MOST, infos, DDS_ANY_STATE)) > 0) {
        for (int n = 0; n < count; n++) {
          tell(id, endpoint, taken[n], infos[n]);
          ddsi_serdata_unref(taken[n]);
        }
      }
      check(count, "dds_takecdr");
    }
  }

private:
  dds_entity_t member = 0;
  std::map<std::string, Endpoint> endpoints;

  void tell(const std::string &id, Endpoint &endpoint, struct ddsi_serdata *data, const dds_sample_info_t &info) {
    const Type &type = *endpoint.type;
    void *sample = type.empty();
    if (info.valid_data) {
      std::vector<uint8_t> bytes(ddsi_serdata_size(data));
      ddsi_serdata_to_ser(data, 0, bytes.size(), bytes.data());
      if (!ddsi_serdata_to_sample(data, sample, nullptr, nullptr)) throw std::runtime_error("a sample cannot be read");
      script::received(id, type.json(sample), bytes, info.source_timestamp);
      if (endpoint.last) ddsi_serdata_unref(endpoint.last);
      endpoint.last = ddsi_serdata_ref(data);
    } else {
      // A key alone does not know its type.
      bool known = endpoint.last && ddsi_serdata_untyped_to_sample(endpoint.last->type, data, sample, nullptr, nullptr);
      script::gone(id, info.instance_state == DDS_NOT_ALIVE_DISPOSED_INSTANCE_STATE,
                   known ? type.key_json(sample) : "null");
    }
    type.release(sample);
  }
};

} // namespace

int main() {
  Cyclone vendor;
  return script::Runner(vendor).run();
}
