"""A program on Cyclone DDS that knows nothing of Tidewire: publishes or subscribes one topic.

  peer.py pub DOMAIN TOPIC TYPE COUNT      waits for a reader, writes, prints each sample, waits for
                                           stdin to close
  peer.py sub DOMAIN TOPIC TYPE COUNT      prints each sample until COUNT came or 20 s passed
  peer.py read DOMAIN TOPIC - COUNT        the same of a topic whose type it reads from discovery
  peer.py values - - TYPE COUNT            prints the samples it would publish, and its hashes of the type

Further arguments set policies: `partition=east,west`, `manual=0.5` for MANUAL_BY_TOPIC liveliness with a
lease of half a second, `strength=2` for EXCLUSIVE ownership.

Each line is a JSON object; `bytes` is the sample's CDR with its encapsulation header, in hex, `value` its
members as Tidewire shows them.
"""

import json
import os
import sys
import time

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication
from cyclonedds.core import Policy, Qos
from cyclonedds.domain import DomainParticipant
from cyclonedds.dynamic import get_types_for_typeid
from cyclonedds.idl._xt_builder import XTBuilder
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration

from types_of_peers import TYPES, make, plain

LIMIT = 20.0

# What a topic does not have.
ENDPOINTS_OWN = ("Partition", "Liveliness", "OwnershipStrength")


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
        elif name == "strength":
            policies[3:3] = [Policy.Ownership.Exclusive]
            policies.append(Policy.OwnershipStrength(int(value)))
        else:
            lease = duration(seconds=float(value))
            policies.append(Policy.Liveliness.ManualByTopic(lease))
    qos = Qos(*policies)
    if role == "values":
        return values(TYPES[type_name], count)
    participant = DomainParticipant(int(domain))
    if role == "read":
        found = discovered(participant, topic_name)
        say(event="type", name=found.__idl_typename__.replace(".", "::"))
        return subscribe(participant, Topic(participant, topic_name, found), qos, count)
    # Partition and strength are the endpoints', and no policies of topics.
    of_topic = [policy for policy in policies if policy.__scope__ not in ENDPOINTS_OWN]
    topic = Topic(participant, topic_name, TYPES[type_name], qos=Qos(*of_topic))
    if role == "pub":
        publish(participant, topic, qos, type_name, count)
    else:
        subscribe(participant, topic, qos, count)


def values(cls, count):
    information, _ = XTBuilder.process_type(cls)
    ids = (information.minimal, information.complete)
    minimal, complete = (bytes(id.typeid_with_size.type_id.value).hex() for id in ids)
    say(event="type", minimal=minimal, complete=complete)
    for i in range(count):
        say(event="value", value=plain(make(cls.__name__, i)))


def discovered(participant, topic_name):
    """The type that a writer of the topic announces."""
    reader = BuiltinDataReader(participant, BuiltinTopicDcpsPublication)
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        for endpoint in reader.take(N=32):
            if endpoint.topic_name == topic_name and endpoint.type_id is not None:
                return get_types_for_typeid(participant, endpoint.type_id, duration(seconds=10))[0]
        time.sleep(0.02)
    say(event="error", what="nobody announces a type")
    sys.exit(1)


def publish(participant, topic, qos, type_name, count):
    writer = DataWriter(participant, topic, qos=qos)
    wait_for(lambda: writer.get_matched_subscriptions(), "no reader for the topic")
    # The reader's side may match a moment later than ours.
    time.sleep(0.5)
    say(event="matched")
    for i in range(count):
        sample = make(type_name, i)
        writer.write(sample)
        say(event="sent", bytes=sample.serialize().hex(), value=plain(sample))
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
                value=plain(sample),
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
