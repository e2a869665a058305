#!/usr/bin/env bash
# Builds ddsperf of the very Cyclone DDS that the cargo feature `cyclone` links (cyclors carries its sources), for
# `tidewire bench dds`. Prints where it lies.
#   deploy/ddsperf.sh [FOLDER]     default ~/.cache/tidewire/ddsperf; takes cmake and a C++ compiler
#   deploy/ddsperf.sh --sources    only says where the sources are
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
version=$(awk '/^name = "cyclors"$/ { getline; gsub(/"/, "", $3); print $3 }' "$here/Cargo.lock")
sources() { compgen -G "${CARGO_HOME:-$HOME/.cargo}/registry/src/*/cyclors-$version/cyclonedds" | head -n 1; }
fetched() { [[ -n $(sources) ]] || (cd "$here" && cargo fetch --locked >&2); }
if [[ ${1:-} == --sources ]]; then
  fetched
  sources
  exit
fi
to=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/tidewire/ddsperf}
if [[ -x $to/bin/ddsperf && $(cat "$to/version" 2>/dev/null) == "$version" ]]; then
  echo "$to/bin/ddsperf"
  exit 0
fi
fetched
echo "ddsperf: building Cyclone DDS of cyclors $version in $to (a minute or two)" >&2
mkdir -p "$to"
# As cyclors builds the library, but with its tools.
cmake -S "$(sources)" -B "$to/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$to" -DBUILD_SHARED_LIBS=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
  -DBUILD_IDLC=ON -DBUILD_DDSPERF=ON -DBUILD_TESTING=OFF -DBUILD_EXAMPLES=OFF -DENABLE_LTO=NO -DENABLE_SSL=NO \
  -DENABLE_SECURITY=NO -DENABLE_ICEORYX=NO -Wno-dev >"$to/log" 2>&1 &&
  cmake --build "$to/build" --target install -j "$(nproc)" >>"$to/log" 2>&1 || {
  tail -n 20 "$to/log" >&2
  exit 1
}
rm -rf "$to/build"
echo "$version" >"$to/version"
echo "$to/bin/ddsperf"
