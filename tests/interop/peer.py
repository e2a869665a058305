"""A program on Cyclone DDS that knows nothing of Tidewire: publishes or subscribes one topic.

  peer.py pub DOMAIN TOPIC TYPE COUNT      waits for a reader, writes, prints each sample, waits for
                                           stdin to close
  peer.py sub DOMAIN TOPIC TYPE COUNT      prints each sample until COUNT came or 20 s passed

Further arguments set policies: `partition=east,west`, `manual=0.5` for MANUAL_BY_TOPIC liveliness with a
lease of half a second.

Each line is a JSON object; `bytes` is the sample's CDR with its encapsulation header, in hex.
"""

import json
import os
import sys
import time

from cyclonedds.core import Policy, Qos
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration

from types_of_peers import TYPES, make

LIMIT = 20.0


def say(**line):
    print(json.dumps(line), flush=True)


def main():
    role, domain, topic_name, type_name, count = sys.argv[1:6]
    count = int(count)
    policies = [
        Policy.Reliability.Reliable(duration(seconds=10)),
        Policy.History.KeepAll,
        Policy.Durability.Volatile,
    ]
    for setting in sys.argv[6:]:
        name, value = setting.split("=", 1)
        if name == "partition":
            policies.append(Policy.Partition(value.split(",")))
        else:
            lease = duration(seconds=float(value))
            policies.append(Policy.Liveliness.ManualByTopic(lease))
    qos = Qos(*policies)
    participant = DomainParticipant(int(domain))
    # A partition is the endpoints', and no policy of topics.
    topic = Topic(participant, topic_name, TYPES[type_name], qos=Qos(*policies[:3]))
    if role == "pub":
        publish(participant, topic, qos, type_name, count)
    else:
        subscribe(participant, topic, qos, count)


def publish(participant, topic, qos, type_name, count):
    writer = DataWriter(participant, topic, qos=qos)
    wait_for(lambda: writer.get_matched_subscriptions(), "no reader for the topic")
    # The reader's side may match a moment later than ours.
    time.sleep(0.5)
    say(event="matched")
    for i in range(count):
        sample = make(type_name, i)
        writer.write(sample)
        say(event="sent", bytes=sample.serialize().hex())
        if i % 50 == 49:
            time.sleep(0.01)
    say(event="done")
    sys.stdin.read()


def subscribe(participant, topic, qos, count):
    reader = DataReader(participant, topic, qos=qos)
    say(event="ready")
    deadline = time.monotonic() + LIMIT
    received = 0
    while received < count and time.monotonic() < deadline:
        for sample in reader.take(N=256):
            state = sample.sample_info.instance_state
            if not sample.sample_info.valid_data:
                say(event="gone", state=int(state))
                continue
            received += 1
            say(
                event="received",
                bytes=sample.serialize().hex(),
                source=sample.sample_info.source_timestamp,
            )
        time.sleep(0.002)
    say(event="done", received=received)
    if received < count:
        sys.exit(1)


def wait_for(condition, failure):
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            say(event="error", what=failure)
            sys.exit(1)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
