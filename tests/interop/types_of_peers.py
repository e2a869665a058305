"""Types of the Cyclone DDS peers: one of their own, and twins of the ones Tidewire ships."""

from dataclasses import dataclass, fields
from typing import Optional

import cyclonedds.idl.annotations as annotate
from cyclonedds.idl import IdlBitmask, IdlEnum, IdlStruct, IdlUnion
from cyclonedds.idl.types import (
    array,
    bounded_str,
    byte,
    case,
    char,
    default,
    float32,
    float64,
    int16,
    int32,
    int64,
    sequence,
    typedef,
    uint8,
    uint32,
    uint64,
)


@dataclass
@annotate.final
@annotate.autoid("sequential")
class Valve(IdlStruct, typename="works::Valve"):
    """A keyed type no part of Tidewire knows: works.idl beside this file is its IDL."""

    line: str
    annotate.key("line")
    number: uint32
    annotate.key("number")
    position: float64
    alarms: sequence[str]
    opened: int64


@dataclass
@annotate.final
@annotate.autoid("sequential")
class Tick(IdlStruct, typename="works::Tick"):
    """The same without a key."""

    count: uint64
    note: str


class Mode(IdlEnum, typename="works::Mode", default="idle"):
    idle = 0
    running = 1
    failed = 7


@annotate.bit_bound(16)
@dataclass
class Alarms(IdlBitmask, typename="works::Alarms"):
    hot: bool = False
    stuck: bool = False
    annotate.position("stuck", 3)


@dataclass
@annotate.final
@annotate.autoid("sequential")
class Place(IdlStruct, typename="works::Place"):
    hall: bounded_str[15]
    annotate.key("hall")
    position: array[float32, 3]


@annotate.final
class Reading(IdlUnion, discriminator=Mode, typename="works::Reading"):
    speed: case[Mode.running, float64]
    reason: case[Mode.failed, str]
    seconds: default[uint32]


@dataclass
@annotate.appendable
@annotate.autoid("sequential")
class Machine(IdlStruct, typename="works::Machine"):
    """A type with a bit of everything, described by discovery alone."""

    place: Place
    annotate.key("place")
    serial: uint64
    annotate.key("serial")
    mode: Mode
    alarms: Alarms
    reading: Reading
    trace: sequence[int16, 8]
    grid: array[array[int16, 3], 2]
    note: Optional[str]


@dataclass
@annotate.appendable
@annotate.autoid("sequential")
class Step(IdlStruct, typename="works::Step"):
    name: str
    celsius: float64
    within: Optional[uint32]


@dataclass
@annotate.mutable
@annotate.autoid("sequential")
class Batch(IdlStruct, typename="works::Batch"):
    """A mutable type with a key, nested appendable structs and collections of collections."""

    place: Place
    number: int32
    annotate.key("number")
    annotate.member_id("number", 40)
    steps: sequence[Step]
    fallback: Optional[Step]
    modes: sequence[Mode, 4]
    table: sequence[sequence[int16]]
    image: sequence[byte]
    raw: array[uint8, 4]
    letter: char
    done: bool


@dataclass
@annotate.final
@annotate.autoid("sequential")
class Drive(IdlStruct, typename="works::Drive"):
    """All numbers, so that recordings keep it in columns."""

    number: uint32
    annotate.key("number")
    count: uint64
    torque: float64
    speed: float32
    mode: Mode
    axes: array[int16, 3]


Metres = typedef["works.Metres", float64]


@dataclass
@annotate.final
@annotate.nested
@annotate.autoid("sequential")
class Span(IdlStruct, typename="works::Span"):
    low: Metres
    high: Metres


@dataclass
@annotate.final
@annotate.autoid("sequential")
class Gauge(IdlStruct, typename="works::Gauge"):
    """Typedefs and @nested change its hashes, but not what it means."""

    number: uint32
    annotate.key("number")
    span: Span
    levels: sequence[Metres, 8]


@dataclass
@annotate.final
@annotate.autoid("sequential")
class Vibration(IdlStruct, typename="tidewire::sensor::Vibration"):
    point: bounded_str[63]
    annotate.key("point")
    x: float32
    y: float32
    z: float32


@dataclass
@annotate.final
@annotate.autoid("sequential")
class Quote(IdlStruct, typename="tidewire::market::Quote"):
    point: bounded_str[63]
    annotate.key("point")
    symbol: bounded_str[15]
    annotate.key("symbol")
    bid: float64
    ask: float64
    bid_size: uint32
    ask_size: uint32


TYPES = {cls.__name__: cls for cls in (Valve, Tick, Machine, Batch, Drive, Gauge, Vibration, Quote)}


def make(name, i):
    """Sample number i of a type: keys vary, and so do the lengths of strings and sequences."""
    if name == "Valve":
        return Valve(f"line-{i % 3}", i % 2, i * 0.25, [f"alarm {j}" for j in range(i % 4)], -i)
    if name == "Tick":
        return Tick(i, "x" * (i % 7))
    if name == "Machine":
        reading = [Reading(seconds=i), Reading(speed=i * 0.5), Reading(reason=f"cause {i}")][i % 3]
        return Machine(
            Place(f"hall {i % 2}", [float(i), 0.5, -1.0]),
            i % 3,
            [Mode.idle, Mode.running, Mode.failed][i % 3],
            Alarms(hot=i % 2 == 0, stuck=i % 3 == 0),
            reading,
            list(range(i % 8)),
            [[i, 2, 3], [4, 5, -i]],
            f"note {i}" if i % 2 else None,
        )
    if name == "Batch":
        steps = [Step(f"step {n}", i + n * 0.5, n or None) for n in range(i % 4)]
        return Batch(
            Place(f"hall {i % 2}", [float(i), 0.5, -1.0]),
            i % 3 - 1,
            steps,
            Step("cool", float(-i), i) if i % 2 else None,
            [Mode.idle, Mode.failed][: i % 3],
            [[i, -i], [], [7]][: i % 4],
            list(range(i % 6)),
            [i % 256, 1, 2, 255],
            "abc"[i % 3],
            i % 2 == 0,
        )
    if name == "Drive":
        mode = [Mode.idle, Mode.running, Mode.failed][i % 3]
        return Drive(i % 3, i, i * 0.25, i * 0.5, mode, [i, -i, 7])
    if name == "Gauge":
        return Gauge(i % 3, Span(i * 0.5, i * 2.0), [n * 0.25 for n in range(i % 8)])
    if name == "Vibration":
        return Vibration(f"peer/pump{i % 3}", i * 0.5, -i * 0.25, 9.81)
    return Quote("peer/gateway", f"SYM{i % 5}", 100 + i * 0.01, 100.02 + i * 0.01, i, 2 * i)


# Octets are shown in hex.
OCTETS = ("image", "raw")
# The first number that is no label of works::Reading and no literal.
UNLABELLED = 2


def plain(value):
    """A sample as JSON, the way Tidewire shows it."""
    if isinstance(value, IdlEnum):
        return value.name
    if isinstance(value, IdlBitmask):
        return " | ".join(flag.name for flag in fields(value) if getattr(value, flag.name))
    if isinstance(value, IdlUnion):
        # This package writes the default member under a number that is no literal.
        cases = {1: ("running", "speed"), 7: ("failed", "reason")}
        number = getattr(value.discriminator, "value", value.discriminator)
        kind, member = cases.get(number, (str(UNLABELLED), "seconds"))
        return {"$discriminator": kind, member: plain(value.get()[1])}
    if isinstance(value, IdlStruct):
        members = {field.name: getattr(value, field.name) for field in fields(value)}
        return {
            name: bytes(member).hex() if name in OCTETS else plain(member)
            for name, member in members.items()
        }
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
