#!/usr/bin/env python3
"""Makes the golden CDR bytes that tidewire-idl is checked against, with Cyclone DDS.

    python3 -m venv venv && venv/bin/pip install cyclonedds==11.0.1
    sudo venv/bin/python tests/interop/golden/make_golden.py idl/tests/golden

writes `idl/tests/golden/*.json`. Payloads are made by the serialiser of Cyclone DDS's Python package
(XCDR1 and XCDR2, both byte orders). Key hashes are those Cyclone puts on the wire: the script
publishes each sample between two participants on the loopback interface with `GenerateKeyhash`
switched on and reads the hashes from the RTPS packets, for which it needs a packet socket (root);
without one it keeps the hashes of the files that are already there. The Python package fills keys
shorter than 16 bytes with zeros before it takes their MD5, which neither RTPS nor Cyclone's C core
does: such hashes are left out.

Not covered, because the Python package cannot make it: wstring; enumerations with a @bit_bound under
XCDR1, where the package and Cyclone's C core disagree (4 bytes and bit_bound bytes; tidewire follows
the C core). These, and the hashes left out, are in `core.json`, which was written by hand with the C
library and `idlc` of the same version: types compiled by idlc, written with dds_write, read back with
dds_takecdr (without the padding that its options name), hashed with ddsi_serdata_get_keyhash.
Mutable unions Cyclone does not have at all.
"""

import json
import os
import random
import struct
import sys
import typing
from hashlib import md5
from importlib.metadata import version

LOOPBACK = """<CycloneDDS><Domain Id="any"><General><Interfaces><NetworkInterface name="lo"/></Interfaces>
<AllowMulticast>false</AllowMulticast></General><Discovery><ParticipantIndex>auto</ParticipantIndex>
<Peers><Peer address="127.0.0.1"/></Peers></Discovery>
<Internal><GenerateKeyhash>true</GenerateKeyhash></Internal></Domain></CycloneDDS>"""
os.environ["CYCLONEDDS_URI"] = LOOPBACK

from cyclonedds.idl import (  # noqa: E402
    make_idl_bitmask, make_idl_enum, make_idl_struct, make_idl_union, types as t, annotations)
from cyclonedds.idl._support import Endianness  # noqa: E402


class Ty:
    """A type as IDL text, as Python class, with random values and their JSON form."""

    def __init__(self, idl, py, value, to_json=lambda v: v, dims="", needs=()):
        self.idl, self.py, self.value, self.to_json = idl, py, value, to_json
        self.dims, self.needs = dims, needs


def integer(idl, py, bits, signed):
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)

    def value(rng):
        return rng.choice([low, high, 0, 1, rng.randint(low, high), rng.randint(low, high)])
    return Ty(idl, py, value)


def float32(rng):
    bits = rng.choice([0.0, -1.5, 1e30, rng.uniform(-1e3, 1e3)])
    return struct.unpack("<f", struct.pack("<f", bits))[0]


BOOL = Ty("boolean", bool, lambda rng: rng.random() < 0.5)
CHAR = Ty("char", t.char, lambda rng: rng.choice("azAZ09 ~"))
OCTET = integer("octet", t.uint8, 8, False)
INT8 = integer("int8", t.int8, 8, True)
SHORT = integer("short", t.int16, 16, True)
USHORT = integer("unsigned short", t.uint16, 16, False)
LONG = integer("long", t.int32, 32, True)
ULONG = integer("unsigned long", t.uint32, 32, False)
LLONG = integer("long long", t.int64, 64, True)
ULLONG = integer("unsigned long long", t.uint64, 64, False)
FLOAT = Ty("float", t.float32, float32)
DOUBLE = Ty("double", t.float64, lambda rng: rng.choice([0.0, -2.5, 1e300, rng.uniform(-1, 1)]))


def text(bound=None):
    def value(rng):
        n = rng.randint(0, min(bound or 9, 9))
        return "".join(rng.choice("abcxyz /-_é" if bound is None else "abcxyz") for _ in range(n))
    return Ty("string" if bound is None else f"string<{bound}>",
              str if bound is None else t.bounded_str[bound], value)


def seq(of, bound=None):
    def value(rng):
        values = [of.value(rng) for _ in range(rng.randint(0, min(bound or 5, 5)))]
        return values

    def to_json(values):
        if of is OCTET:
            return bytes(values).hex()
        return [of.to_json(v) for v in values]
    name = f"sequence<{of.idl}>" if bound is None else f"sequence<{of.idl}, {bound}>"
    py = t.sequence[of.py] if bound is None else t.sequence[of.py, bound]
    return Ty(name, py, value, to_json, needs=(of,))


def array(of, *dims):
    def nest(make, dims):
        return make() if not dims else [nest(make, dims[1:]) for _ in range(dims[0])]

    def value(rng):
        return nest(lambda: of.value(rng), dims)

    def to_json(values):
        if of is OCTET and len(dims) == 1:
            return bytes(values).hex()

        def walk(v, depth):
            return of.to_json(v) if depth == 0 else [walk(x, depth - 1) for x in v]
        return walk(values, len(dims))
    py = of.py
    for n in reversed(dims):
        py = t.array[py, n]
    return Ty(of.idl, py, value, to_json, "".join(f"[{n}]" for n in dims), (of,))


def extend(cls, ext):
    if ext:
        annotations.extensibility(ext)(cls)
    return cls


def enum(name, literals, bits=None):
    py = make_idl_enum(name, name, dict(literals))
    head = ""
    if bits:
        py = annotations.bit_bound(bits)(py)
        head = f"@bit_bound({bits}) "
    body = ", ".join(f"@value({v}) {n}" for n, v in literals)
    ty = Ty(name, py, lambda rng: rng.choice(list(py)), lambda v: v.name)
    ty.define = f"{head}enum {name} {{ {body} }};"
    return ty


def bitmask(name, flags, bits):
    py = annotations.bit_bound(bits)(make_idl_bitmask(name, name, flags))
    ty = Ty(name, py, lambda rng: py.from_mask(rng.getrandbits(len(flags))),
            lambda v: v.as_mask())
    ty.define = f"@bit_bound({bits}) bitmask {name} {{ {', '.join(flags)} }};"
    return ty


def union(name, on, cases, ext="final"):
    """`cases`: (labels, member, type); labels None for default."""
    fields, lines = {}, []
    for labels, member, ty in cases:
        fields[member] = t.default[ty.py] if labels is None else t.case[labels, ty.py]
        heads = "default:" if labels is None else " ".join(
            f"case {on.to_json(label) if not isinstance(label, (int, str)) else repr(label)}:"
            .replace("True", "TRUE").replace("False", "FALSE") for label in labels)
        lines.append(f"  {heads} {ty.idl} {member}{ty.dims};")
    py = extend(make_idl_union(name, name, fields, on.py), ext)
    by_label = {label: (member, ty) for labels, member, ty in cases if labels
                for label in labels}
    default = next(((m, ty) for labels, m, ty in cases if labels is None), None)

    def value(rng):
        label = rng.choice(list(by_label))
        if rng.random() < 0.3:
            label = on.value(rng)
        member, ty = by_label.get(label, default or (None, None))
        return py(discriminator=label, value=ty.value(rng) if ty else None)

    def to_json(v):
        out = {"$discriminator": on.to_json(v.discriminator)}
        member, ty = by_label.get(v.discriminator, default or (None, None))
        if ty:
            out[member] = ty.to_json(v.value)
        return out
    ty = Ty(name, py, value, to_json, needs=tuple(c[2] for c in cases) + (on,))
    ty.define = f"@{ext} union {name} switch ({on.idl}) {{\n" + "\n".join(lines) + "\n};"
    return ty


def record(name, *members, ext="final", autoid=None):
    """`members`: (name, type, annotations…)."""
    fields, notes, lines = {}, {}, []
    for member, ty, *marks in members:
        py = ty.py
        note = {}
        for mark in marks:
            if mark == "key":
                note["key"] = True
            elif mark == "optional":
                py = typing.Optional[py]
            elif mark == "must_understand":
                note["must_understand"] = True
            elif mark.startswith("id("):
                note["id"] = int(mark[3:-1])
        fields[member] = py
        notes[member] = note
        lines.append("  " + " ".join("@" + m for m in marks) + (" " if marks else "")
                     + f"{ty.idl} {member}{ty.dims};")
    cls = extend(make_idl_struct(name, name, fields, field_annotations=notes), ext)
    if autoid:
        cls = annotations.autoid(autoid)(cls)

    def value(rng):
        return cls(**{m: None if "optional" in marks and rng.random() < 0.5 else ty.value(rng)
                      for m, ty, *marks in members})

    def to_json(v):
        out = {}
        for m, ty, *_ in members:
            got = getattr(v, m)
            out[m] = None if got is None else ty.to_json(got)
        return out
    head = f"@{ext} " + (f"@autoid({autoid.upper()}) " if autoid else "")
    ty = Ty(name, cls, value, to_json, needs=tuple(m[1] for m in members))
    ty.define = f"{head}struct {name} {{\n" + "\n".join(lines) + "\n};"
    ty.members = members
    return ty


def idl_of(ty, seen=None):
    """Definitions a type needs, in order."""
    seen = [] if seen is None else seen
    for part in ty.needs:
        idl_of(part, seen)
    define = getattr(ty, "define", None)
    if define and define not in seen:
        seen.append(define)
    return seen


COLOR = enum("Color", [("RED", 0), ("GREEN", 5), ("BLUE", 6)])
SMALL = enum("Small", [("A", 0), ("B", 1), ("C", 100)], bits=8)
MEDIUM = enum("Medium", [("M", 0), ("N", 1000)], bits=16)
MASK8 = bitmask("Mask8", ["f0", "f1", "f2"], 8)
MASK32 = bitmask("Mask32", ["g0", "g1"], 32)
INNER = record("Inner", ("c", CHAR), ("d", DOUBLE), ("s", SHORT))
POINT = record("Point", ("x", FLOAT), ("y", FLOAT))
GROWING = record("Growing", ("o", OCTET), ("l", LLONG), ext="appendable")
LOOSE = record("Loose", ("o", OCTET), ("l", LLONG, "id(7)"), ("n", text()), ext="mutable")
PRIMITIVES = [("b", BOOL), ("c", CHAR), ("o", OCTET), ("i8", INT8), ("s", SHORT), ("us", USHORT),
              ("l", LONG), ("ul", ULONG), ("ll", LLONG), ("ull", ULLONG), ("f", FLOAT),
              ("d", DOUBLE)]


def collections(name, ext):
    return record(name, ("a", OCTET), ("numbers", seq(DOUBLE)), ("b", OCTET), ("words", seq(text())),
                  ("points", seq(POINT)), ("short_list", seq(SHORT, 3)), ("flags", seq(BOOL)),
                  ("grid", array(LONG, 2, 3)), ("names", array(text(), 2)), ("raw", seq(OCTET)),
                  ("block", array(OCTET, 5)), ("inners", array(INNER, 2)), ("colors", seq(COLOR)),
                  ("chars", seq(CHAR)), ("wide", seq(ULLONG)), ("color_row", array(COLOR, 3)),
                  ("points_grid", array(POINT, 2, 2)), ("lists", seq(seq(LONG))), ext=ext)


def optionals(name, ext):
    return record(name, ("a", OCTET), ("maybe", DOUBLE, "optional"), ("n", text(), "optional"),
                  ("p", INNER, "optional"), ("list", seq(LONG), "optional"),
                  ("small", OCTET, "optional"), ("end", LLONG), ext=ext)


def unions(ext):
    by_long = union(f"ByLong{ext}", LONG, [([1], "one", DOUBLE), ([2, 3], "few", text()),
                                          (None, "rest", INNER)], ext)
    by_enum = union(f"ByEnum{ext}", COLOR, [([COLOR.py.RED], "r", OCTET),
                                           ([COLOR.py.BLUE], "p", POINT)], ext)
    by_bool = union(f"ByBool{ext}", BOOL, [([True], "yes", LLONG)], ext)
    by_octet = union(f"ByOctet{ext}", OCTET, [([7], "seven", array(SHORT, 3))], ext)
    return record(f"Unions{ext}", ("a", OCTET), ("l", by_long), ("e", by_enum), ("b", by_bool),
                  ("o", by_octet), ("more", seq(by_long)), ext=ext)


CASES = {
    "final": [
        record("Primitives", *PRIMITIVES),
        record("Alignment", ("a", OCTET), ("d", DOUBLE), ("b", OCTET), ("l", LONG), ("c", OCTET),
               ("s", SHORT), ("e", OCTET), ("n", text()), ("z", ULLONG)),
        record("Nested", ("o", OCTET), ("i", INNER), ("p", POINT), ("g", GROWING), ("e", OCTET)),
        collections("Collections", "final"),
        record("Enums", ("c", COLOR), ("m", MASK8), ("o", OCTET), ("w", MASK32)),
        optionals("Optionals", "final"),
        unions("final"),
    ],
    "appendable": [
        record("PrimitivesA", *PRIMITIVES, ext="appendable"),
        record("NestedA", ("o", OCTET), ("g", GROWING), ("list", seq(GROWING)), ("i", INNER),
               ext="appendable"),
        collections("CollectionsA", "appendable"),
        optionals("OptionalsA", "appendable"),
        unions("appendable"),
    ],
    "mutable": [
        record("PrimitivesM", *PRIMITIVES, ext="mutable"),
        record("Ids", ("a", LONG, "id(10)"), ("b", DOUBLE), ("c", text(), "id(3)"),
               ("d", OCTET, "must_understand"), ext="mutable"),
        record("Hashed", ("color", LONG), ("shapesize", DOUBLE), ext="mutable", autoid="hash"),
        record("NestedM", ("o", OCTET), ("loose", LOOSE), ("list", seq(LOOSE)), ("g", GROWING),
               ("i", INNER), ext="mutable"),
        collections("CollectionsM", "mutable"),
        optionals("OptionalsM", "mutable"),
    ],
    "bit_bound": [
        record("BitBounds", ("a", SMALL), ("b", MEDIUM), ("c", seq(SMALL)), ("d", OCTET)),
        record("BitBoundsM", ("a", SMALL), ("b", MEDIUM), ("m", MASK8), ("w", MASK32),
               ext="mutable"),
    ],
    "keys": [
        record("KeyLong", ("id", LONG, "key"), ("v", DOUBLE)),
        record("KeyTwo", ("o", OCTET, "key"), ("v", DOUBLE), ("id", LLONG, "key")),
        record("KeyShortText", ("id", text(7), "key"), ("v", DOUBLE)),
        record("KeyText", ("name", text(), "key"), ("v", DOUBLE)),
        record("KeyBounded", ("name", text(63), "key"), ("channel", text(15), "key"), ("v", FLOAT)),
        record("KeyLate", ("v", DOUBLE), ("list", seq(text())), ("id", ULONG, "key"),
               ("tail", text())),
        record("KeyNested", ("o", OCTET), ("p", INNER, "key"), ("v", LONG)),
        record("KeyEnum", ("c", COLOR, "key"), ("u", array(OCTET, 12), "key"), ("v", LONG)),
        record("KeyWide", ("a", LLONG, "key"), ("b", LLONG, "key"), ("c", OCTET, "key")),
        record("KeyOrder", ("b", LONG, "key", "id(9)"), ("a", SHORT, "key", "id(2)"), ("v", LONG)),
        record("KeyAppendable", ("a", OCTET, "key"), ("v", DOUBLE), ("id", LONG, "key"),
               ext="appendable"),
        record("KeyMutable", ("b", LONG, "key", "id(9)"), ("v", DOUBLE, "id(4)"),
               ("a", LLONG, "key", "id(2)"), ext="mutable"),
    ],
}

EVOLUTION = [
    # What writers with one version send, and what Cyclone's readers with the other make of it.
    ("appendable",
     record("V1a", ("a", LONG), ("n", text()), ext="appendable"),
     record("V2a", ("a", LONG), ("n", text()), ("d", DOUBLE), ("list", seq(LONG)),
            ext="appendable")),
    ("mutable",
     record("V1m", ("a", LONG, "id(1)"), ("n", text(), "id(2)"), ext="mutable"),
     record("V2m", ("d", DOUBLE, "id(3)"), ("n", text(), "id(2)"), ("p", POINT, "id(8)"),
            ext="mutable")),
]


def standard_hash(ty, value, two, found):
    """The hash, or None where it is the Python package's own; see the top."""
    marked = [m for m in ty.members if "key" in m[2:]]
    numbers = {m[0]: i for i, m in enumerate(ty.members)}
    numbers.update({m[0]: int(a[3:-1]) for m in marked for a in m[2:] if a.startswith("id(")})
    marked.sort(key=lambda m: numbers[m[0]])
    holder = record(f"{ty.idl}Key{int(two)}", *[m[:2] for m in marked]).py
    key = holder(**{m[0]: getattr(value, m[0]) for m in marked}).serialize(
        use_version_2=two, endianness=Endianness.Big)[4:]
    if len(key) < 16 and found == md5(key.ljust(16, b"\0")).hexdigest():
        return None
    assert found in (key.ljust(16, b"\0").hex(), md5(key).hexdigest()), (ty.idl, found)
    return found


def payloads(value, skip_xcdr1):
    out = {}
    for representation, two in [("xcdr1", False), ("xcdr2", True)]:
        if skip_xcdr1 and not two:
            continue
        for order, endian in [("le", Endianness.Little), ("be", Endianness.Big)]:
            made = value.serialize(use_version_2=two, endianness=endian)
            out[f"{representation}_{order}"] = made.hex()
    return out


def keys(value):
    out = {}
    for representation, two in [("xcdr1", False), ("xcdr2", True)]:
        out[f"{representation}_le"] = value.serialize_key(
            use_version_2=two, endianness=Endianness.Little).hex()
    return out


class Sniffer:
    """Key hashes as Cyclone's C core puts them on the wire."""

    def __init__(self):
        import socket
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(0x0800))
        self.socket.bind(("lo", 0))
        self.socket.settimeout(0.2)
        from cyclonedds.domain import DomainParticipant
        self.domain = 120 + os.getpid() % 100
        self.writer_side = DomainParticipant(self.domain)
        # Readers of the writer's own process get no packets: the other side is a child.
        self.child = None

    def hashes(self, ty, values, two):
        import subprocess
        import time
        from cyclonedds.core import Policy, Qos
        from cyclonedds.pub import DataWriter
        from cyclonedds.topic import Topic
        from cyclonedds.util import duration
        policy = Policy.DataRepresentation(use_cdrv0_representation=not two,
                                           use_xcdrv2_representation=two)
        qos = Qos(policy, Policy.Reliability.Reliable(duration(seconds=5)))
        topic = Topic(self.writer_side, ty.py.__name__, ty.py, qos=qos)
        writer = DataWriter(self.writer_side, topic, qos=qos)
        child = subprocess.Popen([sys.executable, __file__, "--reader", ty.py.__name__,
                                  str(self.domain), "2" if two else "1"])
        try:
            for _ in range(200):
                if len(writer.get_matched_subscriptions()) > 0:
                    break
                time.sleep(0.05)
            else:
                raise RuntimeError(f"no reader for {ty.py.__name__}")
            out = []
            for value in values:
                while self.receive() is not None:
                    pass
                writer.write(value)
                found = None
                for _ in range(20):
                    found = self.receive()
                    if found:
                        break
                out.append(found and found.hex())
            return out
        finally:
            child.terminate()
            child.wait()
            del writer

    def receive(self):
        """The key hash of the next user DATA packet; None when it is quiet."""
        import socket
        while True:
            try:
                frame = self.socket.recv(65536)
            except (socket.timeout, TimeoutError):
                return None
            if len(frame) < 62 or frame[42:46] != b"RTPS":
                continue
            port, first = struct.unpack_from(">H", frame, 36)[0], 7400 + 250 * self.domain
            if not first <= port < first + 250:
                continue
            found = key_hash(frame[42:])
            if found:
                return found


def key_hash(packet):
    at = 20
    while at + 4 <= len(packet):
        kind, flags, length = packet[at], packet[at + 1], struct.unpack_from("<H", packet, at + 2)[0]
        body = packet[at + 4:at + 4 + length] if length else packet[at + 4:]
        # DATA with inline QoS of a user-defined writer (entity kind 2 or 3).
        if kind == 0x15 and flags & 2 and len(body) > 12 and body[11] in (0x02, 0x03):
            at_qos = 4 + struct.unpack_from("<H", body, 2)[0]
            while at_qos + 4 <= len(body):
                pid, size = struct.unpack_from("<HH", body, at_qos)
                if pid == 1:
                    break
                if pid == 0x70 and size == 16:
                    return body[at_qos + 4:at_qos + 20]
                at_qos += 4 + size
        if not length:
            break
        at += 4 + length
    return None


def reader(name, domain, two):
    """The other side of `Sniffer`."""
    import time
    from cyclonedds.core import Policy, Qos
    from cyclonedds.domain import DomainParticipant
    from cyclonedds.sub import DataReader
    from cyclonedds.topic import Topic
    from cyclonedds.util import duration
    ty = next(ty for ty in CASES["keys"] if ty.py.__name__ == name)
    participant = DomainParticipant(domain)
    policy = Policy.DataRepresentation(use_cdrv0_representation=not two,
                                       use_xcdrv2_representation=two)
    qos = Qos(policy, Policy.Reliability.Reliable(duration(seconds=5)))
    kept = DataReader(participant, Topic(participant, name, ty.py, qos=qos), qos=qos)
    time.sleep(60)
    del kept


def main(out):
    made_by = f"Cyclone DDS, Python package cyclonedds {version('cyclonedds')}"
    try:
        sniffer = Sniffer()
    except PermissionError:
        print("no packet socket: key hashes are taken from the old files", file=sys.stderr)
        sniffer = None
    for group, list_of_types in CASES.items():
        path = os.path.join(out, f"{group}.json")
        cases = []
        for ty in list_of_types:
            rng = random.Random(ty.py.__name__)
            values = [ty.value(rng) for _ in range(6)]
            samples = []
            for value in values:
                sample = {"value": ty.to_json(value), **payloads(value, group == "bit_bound")}
                if group == "keys":
                    sample["key"] = keys(value)
                samples.append(sample)
            if group == "keys" and sniffer:
                for two in [False, True]:
                    found = sniffer.hashes(ty, values, two)
                    for sample, value, one in zip(samples, values, found):
                        sample.setdefault("key_hash", {})["xcdr2" if two else "xcdr1"] = (
                            standard_hash(ty, value, two, one))
            elif group == "keys" and os.path.exists(path):
                old = {c["type"]: c for c in json.load(open(path))["cases"]}
                for sample, before in zip(samples, old[ty.idl]["samples"]):
                    sample["key_hash"] = before["key_hash"]
            cases.append({"type": ty.idl, "idl": "\n".join(idl_of(ty)), "samples": samples})
        write(path, {"made_by": made_by, "cases": cases})
    cases = []
    for kind, one, two in EVOLUTION:
        for writer, reading in [(one, two), (two, one)]:
            rng = random.Random(kind)
            for _ in range(3):
                value = writer.value(rng)
                for name, payload in payloads(value, kind == "appendable").items():
                    got = reading.py.deserialize(bytes.fromhex(payload))
                    cases.append({"writer": writer.idl, "reader": reading.idl, "encoding": name,
                                  "idl": "\n".join(idl_of(writer) + [
                                      d for d in idl_of(reading) if d not in idl_of(writer)]),
                                  "payload": payload, "written": writer.to_json(value),
                                  "read": reading.to_json(got)})
    write(os.path.join(out, "evolution.json"), {"made_by": made_by, "cases": cases})


def write(path, content):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.write("\n")
    print(path)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--reader"]:
        reader(sys.argv[2], int(sys.argv[3]), sys.argv[4] == "2")
    else:
        main(sys.argv[1] if len(sys.argv) > 1 else "idl/tests/golden")
