// A program on Fast DDS that knows nothing of Tidewire; script.hpp tells its language.
//
// Its types are marshalled by Fast CDR, as rmw_fastrtps does it: no code is shared with Tidewire.

#include <array>
#include <atomic>
#include <functional>
#include <memory>

#include <fastcdr/Cdr.h>
#include <fastcdr/FastBuffer.h>
#include <fastcdr/config.h>
#include <fastdds/dds/domain/DomainParticipant.hpp>
#include <fastdds/dds/domain/DomainParticipantFactory.hpp>
#include <fastdds/dds/publisher/DataWriter.hpp>
#include <fastdds/dds/publisher/Publisher.hpp>
#include <fastdds/dds/subscriber/DataReader.hpp>
#include <fastdds/dds/subscriber/SampleInfo.hpp>
#include <fastdds/dds/subscriber/Subscriber.hpp>
#include <fastdds/dds/topic/Topic.hpp>
#include <fastdds/dds/topic/TopicDataType.hpp>
#include <fastrtps/utils/md5.h>

#include "ros.hpp"
#include "script.hpp"

namespace fdds = eprosima::fastdds::dds;
namespace rtps = eprosima::fastrtps::rtps;
namespace fastcdr = eprosima::fastcdr;
using eprosima::fastrtps::types::ReturnCode_t;

namespace {

// --- CDR ---

#if FASTCDR_VERSION_MAJOR >= 2
constexpr auto DDS_CDR = fastcdr::CdrVersion::XCDRv1;
size_t length_of(const fastcdr::Cdr &cdr) { return cdr.get_serialized_data_length(); }
#else
constexpr auto DDS_CDR = fastcdr::Cdr::DDS_CDR;
size_t length_of(const fastcdr::Cdr &cdr) { return cdr.getSerializedDataLength(); }
#endif

template <class T> void put(fastcdr::Cdr &cdr, const T &value);
template <class T> void put_list(fastcdr::Cdr &cdr, const T &list) {
  for (const auto &value : list) put(cdr, value);
}
template <class T> void put_any(fastcdr::Cdr &cdr, const T &value) { cdr << value; }
template <class T> void put_any(fastcdr::Cdr &cdr, const std::vector<T> &list) {
  cdr << static_cast<uint32_t>(list.size());
  put_list(cdr, list);
}
void put_any(fastcdr::Cdr &cdr, const model::Octets &data) { cdr << data; }
template <class T, size_t N> void put_any(fastcdr::Cdr &cdr, const std::array<T, N> &list) {
  put_list(cdr, list);
}
template <class T> void put(fastcdr::Cdr &cdr, const T &value) {
  if constexpr (model::is_struct<T>::value) {
    T::members(value, value,
               [&](const char *, bool, const auto &field, const auto &) { put(cdr, field); });
  } else {
    put_any(cdr, value);
  }
}

template <class T> void get(fastcdr::Cdr &cdr, T &value);
template <class T> void get_any(fastcdr::Cdr &cdr, T &value) { cdr >> value; }
template <class T> void get_any(fastcdr::Cdr &cdr, std::vector<T> &list) {
  uint32_t length = 0;
  cdr >> length;
  list.clear();
  for (uint32_t n = 0; n < length; n++) {
    list.emplace_back();
    get(cdr, list.back());
  }
}
void get_any(fastcdr::Cdr &cdr, model::Octets &data) { cdr >> data; }
template <class T, size_t N> void get_any(fastcdr::Cdr &cdr, std::array<T, N> &list) {
  for (auto &value : list) get(cdr, value);
}
template <class T> void get(fastcdr::Cdr &cdr, T &value) {
  if constexpr (model::is_struct<T>::value) {
    T::members(value, value, [&](const char *, bool, auto &field, auto &) { get(cdr, field); });
  } else {
    get_any(cdr, value);
  }
}

// --- types ---

// A sample as Fast DDS hands it to us: its value, and the bytes it came in.
struct Sample {
  virtual ~Sample() = default;
  virtual std::string json() const = 0;
  virtual std::string key_json() const = 0;
  std::vector<uint8_t> bytes;
};

template <class T> struct SampleOf : Sample {
  T value;
  std::string json() const override {
    std::string out;
    model::json(out, value);
    return out;
  }
  std::string key_json() const override { return model::key_json(value); }
};

class Type : public fdds::TopicDataType {
public:
  virtual Sample *make(uint32_t i, size_t size) = 0;
};

template <class T> class TypeOf : public Type {
public:
  TypeOf() {
    setName(T::dds_type);
    m_typeSize = 1024;
    auto_fill_type_object(false);
    auto_fill_type_information(false);
    T empty;
    T::members(empty, empty,
               [&](const char *, bool key, auto &, auto &) { m_isGetKeyDefined |= key; });
  }

  Sample *make(uint32_t i, size_t size) override {
    auto *sample = new SampleOf<T>();
    sample->value = T::make(i, size);
    return sample;
  }

  bool serialize(void *data, rtps::SerializedPayload_t *payload) override {
    fastcdr::FastBuffer buffer(reinterpret_cast<char *>(payload->data), payload->max_size);
    fastcdr::Cdr cdr(buffer, fastcdr::Cdr::LITTLE_ENDIANNESS, DDS_CDR);
    try {
      cdr.serialize_encapsulation();
      put(cdr, static_cast<SampleOf<T> *>(data)->value);
    } catch (const std::exception &) {
      return false;
    }
    payload->encapsulation = CDR_LE;
    payload->length = static_cast<uint32_t>(length_of(cdr));
    return true;
  }

  bool deserialize(rtps::SerializedPayload_t *payload, void *data) override {
    auto *sample = static_cast<SampleOf<T> *>(data);
    sample->bytes.assign(payload->data, payload->data + payload->length);
    fastcdr::FastBuffer buffer(reinterpret_cast<char *>(payload->data), payload->length);
    fastcdr::Cdr cdr(buffer, fastcdr::Cdr::DEFAULT_ENDIAN, DDS_CDR);
    try {
      cdr.read_encapsulation();
      get(cdr, sample->value);
    } catch (const std::exception &) {
      return false;
    }
    return true;
  }

  std::function<uint32_t()> getSerializedSizeProvider(void *data) override {
    return [data] {
      fastcdr::FastBuffer buffer;
      fastcdr::Cdr cdr(buffer, fastcdr::Cdr::LITTLE_ENDIANNESS, DDS_CDR);
      cdr.serialize_encapsulation();
      put(cdr, static_cast<SampleOf<T> *>(data)->value);
      return static_cast<uint32_t>(length_of(cdr));
    };
  }

  void *createData() override { return static_cast<Sample *>(new SampleOf<T>()); }
  void deleteData(void *data) override { delete static_cast<Sample *>(data); }

  // RTPS 2.5, 9.6.4.8: big-endian CDR of the key members, or its MD5 if that may exceed 16 bytes.
  bool getKey(void *data, rtps::InstanceHandle_t *handle, bool force_md5) override {
    if (!m_isGetKeyDefined) return false;
    const T &value = static_cast<SampleOf<T> *>(data)->value;
    // Zeros: Fast CDR leaves the gaps before aligned values as they are.
    std::array<char, 1024> zeros{};
    fastcdr::FastBuffer buffer(zeros.data(), zeros.size());
    fastcdr::Cdr cdr(buffer, fastcdr::Cdr::BIG_ENDIANNESS);
    bool unbounded = false;
    T::members(value, value, [&](const char *, bool key, const auto &field, const auto &) {
      if (!key) return;
      put(cdr, field);
      unbounded |= std::is_same_v<std::decay_t<decltype(field)>, std::string>;
    });
    size_t length = length_of(cdr);
    if (force_md5 || unbounded) {
      MD5 md5;
      md5.init();
      md5.update(reinterpret_cast<unsigned char *>(buffer.getBuffer()),
                 static_cast<unsigned int>(length));
      md5.finalize();
      for (int n = 0; n < 16; n++) handle->value[n] = md5.digest[n];
    } else {
      for (size_t n = 0; n < 16; n++)
        handle->value[n] = n < length ? static_cast<uint8_t>(buffer.getBuffer()[n]) : 0;
    }
    return true;
  }
};

using Maker = std::function<Type *()>;
template <class T> std::pair<const std::string, Maker> entry(const char *word) {
  return {word, [] { return new TypeOf<T>(); }};
}

const std::map<std::string, Maker> TYPES = {
    entry<model::Valve>("Valve"),     entry<model::Tick>("Tick"),
    entry<model::Frame>("Frame"),     entry<model::View>("View"),
    entry<model::OrderV1>("OrderV1"), entry<model::OrderV2>("OrderV2"),
    entry<ros::String>("String"),     entry<ros::Imu>("Imu"),
    entry<ros::Graph>("Graph"),     entry<ros::Graph16>("Graph16"),
};

// --- entities ---

struct Endpoint {
  Type *type = nullptr;
  fdds::DataWriter *writer = nullptr;
  fdds::DataReader *reader = nullptr;
  // What we know of instances: a dispose comes without its key.
  std::map<std::string, std::string> keys;
};

void check(bool fine, const char *what) {
  if (!fine) throw std::runtime_error(std::string(what) + " failed");
}

class FastDds : public script::Vendor {
public:
  ~FastDds() override {
    if (!member) return;
    member->delete_contained_entities();
    fdds::DomainParticipantFactory::get_instance()->delete_participant(member);
  }

  void secure(fdds::DomainParticipantQos &qos) {
    auto &properties = qos.properties().properties();
    const std::string auth = "dds.sec.auth.", access = "dds.sec.access.";
    const std::string pki = auth + "builtin.PKI-DH.", rules = access + "builtin.Access-Permissions.";
    properties.emplace_back(auth + "plugin", "builtin.PKI-DH");
    properties.emplace_back(access + "plugin", "builtin.Access-Permissions");
    properties.emplace_back("dds.sec.crypto.plugin", "builtin.AES-GCM-GMAC");
    const std::pair<std::string, const char *> files[] = {
        {pki + "identity_ca", "identity_ca.cert.pem"}, {pki + "identity_certificate", "cert.pem"},
        {pki + "private_key", "key.pem"},              {rules + "permissions_ca", "permissions_ca.cert.pem"},
        {rules + "governance", "governance.p7s"},      {rules + "permissions", "permissions.p7s"},
    };
    for (const auto &[name, file] : files) properties.emplace_back(name, "file://" + keys + "/" + file);
  }

  void participant(unsigned domain, const std::string &name, const std::string &user_data) override {
    fdds::DomainParticipantQos qos = fdds::PARTICIPANT_QOS_DEFAULT;
    if (!name.empty()) qos.name(name.c_str());
    qos.user_data().assign(user_data.begin(), user_data.end());
    // As Fast DDS's manual advises for large samples; the system may allow less.
    qos.transport().listen_socket_buffer_size = 4 << 20;
    if (!keys.empty()) secure(qos);
    member = fdds::DomainParticipantFactory::get_instance()->create_participant(domain, qos);
    check(member, "create_participant");
    publisher = member->create_publisher(fdds::PUBLISHER_QOS_DEFAULT);
    subscriber = member->create_subscriber(fdds::SUBSCRIBER_QOS_DEFAULT);
    check(publisher && subscriber, "create_publisher");
  }

  template <class Qos> void apply(Qos &qos, const script::Options &what) {
    qos.reliability().kind =
        what.reliable ? fdds::RELIABLE_RELIABILITY_QOS : fdds::BEST_EFFORT_RELIABILITY_QOS;
    qos.durability().kind =
        what.transient_local ? fdds::TRANSIENT_LOCAL_DURABILITY_QOS : fdds::VOLATILE_DURABILITY_QOS;
    qos.history().kind =
        what.keep_last ? fdds::KEEP_LAST_HISTORY_QOS : fdds::KEEP_ALL_HISTORY_QOS;
    if (what.keep_last) qos.history().depth = what.keep_last;
    qos.endpoint().history_memory_policy = rtps::PREALLOCATED_WITH_REALLOC_MEMORY_MODE;
    if (what.xcdr == 2) throw std::runtime_error("Fast DDS 2.9 has no XCDR2");
  }

  fdds::Topic *topic(const script::Options &what, Endpoint &endpoint) {
    auto maker = TYPES.find(what.type);
    if (maker == TYPES.end()) throw std::runtime_error("this peer has no such type");
    endpoint.type = maker->second();
    fdds::TypeSupport support(endpoint.type);
    supports.push_back(support);
    check(support.register_type(member) == ReturnCode_t::RETCODE_OK, "register_type");
    auto *found = member->lookup_topicdescription(what.topic);
    if (found) return static_cast<fdds::Topic *>(found);
    auto *made = member->create_topic(what.topic, support.get_type_name(), fdds::TOPIC_QOS_DEFAULT);
    check(made, "create_topic");
    return made;
  }

  void writer(const script::Options &what) override {
    Endpoint endpoint;
    auto *on = topic(what, endpoint);
    fdds::DataWriterQos qos = fdds::DATAWRITER_QOS_DEFAULT;
    apply(qos, what);
    qos.reliability().max_blocking_time = eprosima::fastrtps::Duration_t(25, 0);
    qos.publish_mode().kind = fdds::ASYNCHRONOUS_PUBLISH_MODE;
    endpoint.writer = publisher->create_datawriter(on, qos);
    check(endpoint.writer, "create_datawriter");
    endpoints[what.id] = endpoint;
  }

  void reader(const script::Options &what) override {
    Endpoint endpoint;
    auto *on = topic(what, endpoint);
    fdds::DataReaderQos qos = fdds::DATAREADER_QOS_DEFAULT;
    apply(qos, what);
    endpoint.reader = subscriber->create_datareader(on, qos);
    check(endpoint.reader, "create_datareader");
    endpoints[what.id] = endpoint;
  }

  Endpoint &find(const std::string &id) {
    auto found = endpoints.find(id);
    if (found == endpoints.end()) throw std::runtime_error("no endpoint " + id);
    return found->second;
  }

  int matched(const std::string &id) override {
    Endpoint &endpoint = find(id);
    if (endpoint.writer) {
      fdds::PublicationMatchedStatus status;
      endpoint.writer->get_publication_matched_status(status);
      return status.current_count;
    }
    fdds::SubscriptionMatchedStatus status;
    endpoint.reader->get_subscription_matched_status(status);
    return status.current_count;
  }

  fdds::DataWriter &sender(const std::string &id) {
    Endpoint &endpoint = find(id);
    if (!endpoint.writer) throw std::runtime_error(id + " is no writer");
    return *endpoint.writer;
  }

  void write(const std::string &id, uint32_t i, size_t size) override {
    std::unique_ptr<Sample> sample(find(id).type->make(i, size));
    check(sender(id).write(sample.get()), "write");
  }

  void dispose(const std::string &id, uint32_t i, bool unregister) override {
    std::unique_ptr<Sample> sample(find(id).type->make(i, 0));
    auto &to = sender(id);
    auto code = unregister ? to.unregister_instance(sample.get(), fdds::HANDLE_NIL)
                           : to.dispose(sample.get(), fdds::HANDLE_NIL);
    check(code == ReturnCode_t::RETCODE_OK, "dispose");
  }

  bool acknowledged(const std::string &id, double seconds) override {
    return sender(id).wait_for_acknowledgments(eprosima::fastrtps::Duration_t(seconds)) ==
           ReturnCode_t::RETCODE_OK;
  }

  void close(const std::string &id) override {
    Endpoint &endpoint = find(id);
    if (endpoint.writer) publisher->delete_datawriter(endpoint.writer);
    if (endpoint.reader) subscriber->delete_datareader(endpoint.reader);
    endpoints.erase(id);
  }

  script::Guid guid(const std::string &id) override {
    rtps::GUID_t guid = member->guid();
    if (!id.empty()) {
      Endpoint &endpoint = find(id);
      guid = endpoint.writer ? endpoint.writer->guid() : endpoint.reader->guid();
    }
    script::Guid out;
    std::copy_n(guid.guidPrefix.value, 12, out.begin());
    std::copy_n(guid.entityId.value, 4, out.begin() + 12);
    return out;
  }

  void poll() override {
    for (auto &[id, endpoint] : endpoints) {
      if (!endpoint.reader) continue;
      std::unique_ptr<Sample> sample(static_cast<Sample *>(endpoint.type->createData()));
      fdds::SampleInfo info;
      while (endpoint.reader->take_next_sample(sample.get(), &info) == ReturnCode_t::RETCODE_OK) {
        const uint8_t *handle_bytes = info.instance_handle.value;
        std::string handle(handle_bytes, handle_bytes + 16);
        if (info.valid_data) {
          endpoint.keys[handle] = sample->key_json();
          script::received(id, sample->json(), sample->bytes, info.source_timestamp.to_ns());
        } else {
          auto key = endpoint.keys.find(handle);
          script::gone(id, info.instance_state == fdds::NOT_ALIVE_DISPOSED_INSTANCE_STATE,
                       key == endpoint.keys.end() ? "null" : key->second);
        }
      }
    }
  }

private:
  fdds::DomainParticipant *member = nullptr;
  fdds::Publisher *publisher = nullptr;
  fdds::Subscriber *subscriber = nullptr;
  std::map<std::string, Endpoint> endpoints;
  std::vector<fdds::TypeSupport> supports;
};

} // namespace

int main() {
  FastDds vendor;
  return script::Runner(vendor).run();
}
