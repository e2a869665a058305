"""Types of the Cyclone DDS peers: one of their own, and twins of the ones Tidewire ships."""

from dataclasses import dataclass

import cyclonedds.idl.annotations as annotate
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import bounded_str, float32, float64, int64, sequence, uint32, uint64


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


TYPES = {cls.__name__: cls for cls in (Valve, Tick, Vibration, Quote)}


def make(name, i):
    """Sample number i of a type: keys vary, and so do the lengths of strings and sequences."""
    if name == "Valve":
        return Valve(f"line-{i % 3}", i % 2, i * 0.25, [f"alarm {j}" for j in range(i % 4)], -i)
    if name == "Tick":
        return Tick(i, "x" * (i % 7))
    if name == "Vibration":
        return Vibration(f"peer/pump{i % 3}", i * 0.5, -i * 0.25, 9.81)
    return Quote("peer/gateway", f"SYM{i % 5}", 100 + i * 0.01, 100.02 + i * 0.01, i, 2 * i)
