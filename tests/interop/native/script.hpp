// The language of the native peers, the same for every vendor's.
//
// Commands come line by line on standard input, words apart by spaces, options as key=value:
//
//   participant DOMAIN [name=TEXT] [user_data=TEXT] [keys=FOLDER [plugins=FOLDER]]   keys: DDS Security
//   writer ID TOPIC TYPE [OPTIONS]      OPTIONS: best_effort transient_local keep_last=N xcdr1 xcdr2
//   reader ID TOPIC TYPE [OPTIONS]      default: RELIABLE, VOLATILE, KEEP_ALL, the vendor's representation
//   await ID N                          until N endpoints of others are matched
//   write ID FROM COUNT [size=BYTES] [gap_us=N]
//   dispose ID I | unregister ID I      the instance of sample number I
//   acked ID                            until every reader has acknowledged everything
//   close ID                            deletes the endpoint
//   node NAMESPACE NAME [writers=ID,..] [readers=ID,..]   adds a ROS 2 node to what Graph samples say
//   quit                                or the end of input
//
// Answers are lines of JSON with an `event`: joined, created, matched, written, received, gone, acked,
// closed, noted, error. Samples that readers get are told as they come.
#pragma once

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include "model.hpp"
#include "ros.hpp"

namespace script {

using Guid = std::array<uint8_t, 16>;

struct Options {
  std::string id, topic, type;
  bool reliable = true;
  bool transient_local = false;
  int keep_last = 0; // 0: KEEP_ALL
  int xcdr = 0;      // 0: what the vendor chooses
};

// What a vendor's program does. Failures are exceptions.
class Vendor {
public:
  virtual ~Vendor() = default;
  // Credentials for DDS Security, as ROS 2 names the files; and where Cyclone's plugins are. Set before
  // `participant`.
  std::string keys, plugins;
  virtual void participant(unsigned domain, const std::string &name, const std::string &user_data) = 0;
  virtual void writer(const Options &options) = 0;
  virtual void reader(const Options &options) = 0;
  virtual int matched(const std::string &id) = 0;
  virtual void write(const std::string &id, uint32_t i, size_t size) = 0;
  virtual void dispose(const std::string &id, uint32_t i, bool unregister) = 0;
  virtual bool acknowledged(const std::string &id, double seconds) = 0;
  virtual void close(const std::string &id) = 0;
  // Of an endpoint, or of the participant if `id` is empty.
  virtual Guid guid(const std::string &id) = 0;
  // Tells what readers have got.
  virtual void poll() = 0;
};

inline void line(const std::string &text) {
  fwrite(text.data(), 1, text.size(), stdout);
  fputc('\n', stdout);
  fflush(stdout);
}

inline std::string event(const char *kind, const std::string &id) {
  std::string out = std::string("{\"event\":\"") + kind + "\",\"id\":";
  model::quote(out, id);
  return out;
}

inline void received(const std::string &id, const std::string &value, const std::vector<uint8_t> &bytes,
                     int64_t source_ns) {
  std::string out = event("received", id) + ",\"value\":" + value;
  out += ",\"source\":" + std::to_string(source_ns) + ",\"length\":" + std::to_string(bytes.size());
  // The bytes of a large sample are in its value, as a hash.
  if (bytes.size() <= 4096) {
    static const char digits[] = "0123456789abcdef";
    out += ",\"bytes\":\"";
    for (uint8_t byte : bytes) {
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
    out += '"';
  }
  line(out + "}");
}

// An instance was disposed (or else lost its last writer).
inline void gone(const std::string &id, bool disposed, const std::string &key) {
  line(event("gone", id) + ",\"state\":\"" + (disposed ? "disposed" : "unregistered") + "\",\"key\":" + key +
       "}");
}

inline int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

class Runner {
public:
  explicit Runner(Vendor &vendor) : vendor(vendor) {}

  // Until `quit` or the end of input; 1 after a failure.
  int run() {
    std::string pending, current;
    try {
      for (;;) {
        pollfd input{0, POLLIN, 0};
        int ready = ::poll(&input, 1, 2);
        vendor.poll();
        if (ready <= 0) continue;
        char buffer[4096];
        ssize_t length = read(0, buffer, sizeof buffer);
        if (length <= 0) return 0;
        pending.append(buffer, static_cast<size_t>(length));
        size_t end;
        while ((end = pending.find('\n')) != std::string::npos) {
          current = pending.substr(0, end);
          pending.erase(0, end + 1);
          if (!command(current)) return 0;
        }
      }
    } catch (const std::exception &problem) {
      std::string out = event("error", "") + ",\"what\":";
      model::quote(out, current + ": " + problem.what());
      line(out + "}");
      return 1;
    }
  }

private:
  Vendor &vendor;

  template <size_t N> ros::GidOf<N> gid(const std::string &id) {
    ros::GidOf<N> out;
    Guid guid = vendor.guid(id);
    std::copy(guid.begin(), guid.end(), out.data.begin());
    return out;
  }

  template <size_t N>
  void note(const std::string &space, const std::string &name, const std::string &writers,
            const std::string &readers) {
    auto &graph = ros::GraphOf<N>::current();
    graph.gid = gid<N>("");
    ros::NodeOf<N> node;
    node.node_namespace = space;
    node.node_name = name;
    auto gids = [&](const std::string &ids, std::vector<ros::GidOf<N>> &to) {
      std::istringstream stream(ids);
      for (std::string id; std::getline(stream, id, ',');) to.push_back(gid<N>(id));
    };
    gids(writers, node.writer_gid_seq);
    gids(readers, node.reader_gid_seq);
    graph.node_entities_info_seq.push_back(node);
  }

  bool command(const std::string &text) {
    std::istringstream stream(text);
    std::vector<std::string> words;
    std::map<std::string, std::string> options;
    for (std::string word; stream >> word;) {
      size_t equals = word.find('=');
      if (equals == std::string::npos || words.empty()) words.push_back(word);
      else options[word.substr(0, equals)] = word.substr(equals + 1);
    }
    if (words.empty()) return true;
    auto word = [&](size_t n) -> const std::string & {
      if (n >= words.size()) throw std::runtime_error("a word is missing");
      return words[n];
    };
    auto number = [&](size_t n) { return static_cast<uint32_t>(std::stoul(word(n))); };
    auto option = [&](const char *key, long otherwise) {
      return options.count(key) ? std::stol(options[key]) : otherwise;
    };
    const std::string &verb = words[0];
    if (verb == "quit") return false;
    if (verb == "participant") {
      vendor.keys = options["keys"];
      vendor.plugins = options["plugins"];
      vendor.participant(number(1), options["name"], options["user_data"]);
      line(event("joined", "") + "}");
    } else if (verb == "writer" || verb == "reader") {
      Options what;
      what.id = word(1);
      what.topic = word(2);
      what.type = word(3);
      for (size_t n = 4; n < words.size(); n++) {
        if (words[n] == "best_effort") what.reliable = false;
        else if (words[n] == "transient_local") what.transient_local = true;
        else if (words[n] == "xcdr1") what.xcdr = 1;
        else if (words[n] == "xcdr2") what.xcdr = 2;
        else throw std::runtime_error("unknown option " + words[n]);
      }
      what.keep_last = static_cast<int>(option("keep_last", 0));
      verb == "writer" ? vendor.writer(what) : vendor.reader(what);
      line(event("created", what.id) + "}");
    } else if (verb == "await") {
      int wanted = static_cast<int>(number(2));
      while (vendor.matched(word(1)) < wanted) {
        vendor.poll();
        usleep(5000);
      }
      line(event("matched", word(1)) + ",\"count\":" + word(2) + "}");
    } else if (verb == "write") {
      uint32_t from = number(2), count = number(3);
      size_t size = static_cast<size_t>(option("size", 64));
      int64_t gap = option("gap_us", 0) * 1000ll, due = now_ns();
      for (uint32_t i = from; i < from + count; i++, due += gap) {
        while (gap && now_ns() < due) usleep(200);
        vendor.write(word(1), i, size);
      }
      line(event("written", word(1)) + ",\"count\":" + word(3) + "}");
    } else if (verb == "dispose" || verb == "unregister") {
      vendor.dispose(word(1), number(2), verb == "unregister");
      line(event("written", word(1)) + ",\"count\":1}");
    } else if (verb == "acked") {
      bool all = vendor.acknowledged(word(1), 25);
      line(event("acked", word(1)) + ",\"all\":" + (all ? "true" : "false") + "}");
    } else if (verb == "node") {
      note<24>(word(1), word(2), options["writers"], options["readers"]);
      note<16>(word(1), word(2), options["writers"], options["readers"]);
      line(event("noted", "") + "}");
    } else if (verb == "close") {
      vendor.close(word(1));
      line(event("closed", word(1)) + "}");
    } else {
      throw std::runtime_error("unknown command");
    }
    return true;
  }
};

} // namespace script
