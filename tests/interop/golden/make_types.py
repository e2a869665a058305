#!/usr/bin/env python3
"""Makes the golden TypeObjects that tidewire-idl is checked against, with Cyclone DDS's `idlc`.

    python3 tests/interop/golden/make_types.py /path/to/idlc idl/tests/golden

writes `idl/tests/golden/types.json`: for each type of the IDL below its TypeInformation and its
TypeMapping (all TypeObjects, minimal and complete), as the C compiler puts them into its output. Take
the `idlc` of Cyclone DDS 11: 0.10 marks keys as to be understood and knows no uint8.

Not covered, because idlc cannot compile it: mutable unions. Nor @hashid, of which the complete
TypeObject tells and our descriptions of types do not.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

CASES = {
    "primitives": """module m { @final struct Primitives { boolean b; char c; octet o; int8 i8; uint8 u8; short i16;
        unsigned short u16; long i32; unsigned long u32; long long i64; unsigned long long u64; float f;
        double d; wchar w; }; };""",
    "keys": """module m { @final struct Keys { @key long id; @key string<15> name; double value; }; };""",
    "strings": """@final struct Strings { string s; string<255> small; string<256> large; wstring w; wstring<9> v; };""",
    "collections": """module m { @final struct P { long x; }; @final struct Collections {
        sequence<octet> bytes; sequence<uint8, 255> small; sequence<double, 256> large;
        sequence<string> texts; sequence<P> structs; sequence<sequence<long, 3> > nested;
        sequence<sequence<P> > deep; long row[255]; float wide[256]; P grid[2][3]; long cube[2][300][4];
        string<7> names[3]; sequence<long> lists[2]; }; };""",
    "enums": """module m { enum Mode { idle, running, @value(7) failed }; @bit_bound(8) enum Small { A, @value(5) B };
        @bit_bound(16) enum Turned { @value(3) C, @value(1) D, @default_literal @value(2) E };
        @final struct Enums { Mode mode; Small small; Turned turned; sequence<Mode> modes; }; };""",
    "bitmasks": """module m { @bit_bound(16) bitmask Alarms { hot, @position(3) stuck, @position(1) wet };
        bitmask Flags { f0, f1 }; @final struct Bits { Alarms alarms; Flags flags; }; };""",
    "appendable": """module m { @appendable struct Inner { long x; }; @appendable struct Appendable { @key Inner inner;
        @optional string note; @optional Inner other; sequence<Inner> all; }; };""",
    "mutable": """module m { @mutable struct Mutable { @id(77) @key long x; @id(3) @must_understand double y; @optional float z;
        short next; @unit("m/s^2") float acceleration; }; };""",
    "base": """module m { @final struct Base { @key long id; }; @final struct Derived : Base { string more; };
        @final struct Last : Derived { double most; Base own; }; };""",
    "unions": """module m { enum Mode { idle, running, @value(7) failed }; @final struct P { long x; };
        @final union Reading switch (Mode) { case running: double speed; case failed: string reason;
        default: unsigned long seconds; };
        @appendable union Choice switch (long) { case 1: case -2: P p; case 2147483647: sequence<octet> raw; };
        @final union Letter switch (char) { case 'a': long a; case 'b': double b; };
        @final union Flag switch (boolean) { case TRUE: string yes; };
        @final struct Unions { Reading reading; Choice choice; Letter letter; Flag flag; }; };""",
    # The same under the minimal relation: told once.
    "twins": """module m { @final struct A { long x; }; @final struct B { long x; };
        @final struct Twins { A a; B b; }; };""",
    "units": """module m { @final struct Units { @unit("K") double temperature; @unit("") long none;
        @unit("Pa") sequence<float> pressures; }; };""",
}


def blobs(source):
    """The arrays that idlc defines: TYPE_INFO_CDR_m_P and the like."""
    pattern = r"#define (TYPE_(?:INFO|MAP)_CDR)_(\w+) \(const unsigned char \[\]\)\{(.*?)\n\}"
    found = {}
    for kind, name, body in re.findall(pattern, source, re.S):
        found.setdefault(name, {})[kind] = "".join(re.findall(r"0x([0-9a-f]{2})", body))
    return found


def main():
    idlc, out = sys.argv[1:]
    version = subprocess.run([idlc, "-v"], capture_output=True, text=True, check=True).stdout
    cases = []
    for name, idl in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "case.idl"), "w", encoding="utf-8") as file:
                file.write(idl + "\n")
            done = subprocess.run([idlc, "-fcase-sensitive", "case.idl"], cwd=folder, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{name}: {done.stderr}")
            with open(os.path.join(folder, "case.c"), encoding="utf-8") as file:
                made = blobs(file.read())
        idl = " ".join(idl.split())
        for c_name, parts in made.items():
            # Names here have no underscores of their own.
            cases.append({
                "idl": idl,
                "type": c_name.replace("_", "::"),
                "information": parts["TYPE_INFO_CDR"],
                "mapping": parts["TYPE_MAP_CDR"],
            })
    with open(os.path.join(out, "types.json"), "w", encoding="utf-8") as file:
        made_by = f"Cyclone DDS {re.search(r'[0-9.]+', version)[0]}, make_types.py"
        json.dump({"made_by": made_by, "cases": cases}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
