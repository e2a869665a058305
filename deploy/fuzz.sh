#!/usr/bin/env bash
# Fuzzes each target of tests/fuzz for some seconds: deploy/fuzz.sh SECONDS [TARGET...]
#
# Coverage by LLVM's SanitizerCoverage, which stable Rust has; no address sanitizer, which it has not:
# the decoders are safe Rust, and an allocator of tests/fuzz watches memory.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
target=$(rustc -vV | sed -n 's/^host: //p')
dir=${TIDEWIRE_FUZZ_DIR:-$HOME/.cache/tidewire/fuzz}
export CARGO_TARGET_DIR=${TIDEWIRE_FUZZ_TARGET_DIR:-$dir/target}
if (($# == 0)); then
    mapfile -t targets < <(cd tests/fuzz/libfuzzer/fuzz_targets && basename -s .rs -- *.rs)
else
    targets=("$@")
fi

command -v c++ >/dev/null || { echo "fuzz.sh: libFuzzer is C++: apt-get install g++" >&2; exit 1; }

# As cargo-fuzz passes them.
coverage="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1"
for flag in level=4 inline-8bit-counters pc-table trace-compares; do
    coverage+=" -Cllvm-args=-sanitizer-coverage-$flag"
done
# The versions the workspace is locked to, plus libFuzzer.
cp Cargo.lock tests/fuzz/libfuzzer/Cargo.lock
RUSTFLAGS="$coverage" ${CARGO:-cargo} build --release --target "$target" \
    --manifest-path tests/fuzz/libfuzzer/Cargo.toml --bins

# Datagrams made by a fuzzer stay in a network of their own, where that is allowed.
alone=()
if unshare --user --map-root-user --net true 2>/dev/null; then
    alone=(unshare --user --map-root-user --net sh -c
        'ip link set lo up multicast on && ip route add 224.0.0.0/4 dev lo; exec "$@"' sh)
fi

failed=0
for name in "${targets[@]}"; do
    binary=$CARGO_TARGET_DIR/$target/release/$name
    [ -x "$binary" ] || { echo "fuzz.sh: no target $name" >&2; exit 2; }
    corpus=$dir/corpus/$name
    found=$dir/found/$name
    seeds=$dir/seeds/$name
    mkdir -p "$corpus" "$found" "$seeds"
    TIDEWIRE_FUZZ_SEEDS=$seeds "$binary" 2>/dev/null
    mv "$seeds/words" "$dir/seeds/$name.dict"
    words=()
    [ ! -s "$dir/seeds/$name.dict" ] || words=(-dict="$dir/seeds/$name.dict")
    echo "== $name: $seconds s"
    log=$dir/$name.log
    # Long inputs are slow and find nothing that shorter ones do not.
    if nice -n 10 "${alone[@]}" "$binary" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3072 \
        -max_len=8192 -print_final_stats=1 "${words[@]}" \
        -artifact_prefix="$found/" "$corpus" "$seeds" >"$log" 2>&1; then
        grep -E 'DONE|average_exec_per_sec|peak_rss' "$log" | sed 's/^/   /'
    else
        failed=1
        tail -n 40 "$log" | grep -avE '^0x|^\\x' | sed 's/^/   /'
        echo "   $name failed; the input lies in $found, the whole log in $log"
    fi
done
exit $failed
