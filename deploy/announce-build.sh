#!/usr/bin/env bash
# Says how long the first build takes, before it starts. Quiet once the dependencies are built.
set -euo pipefail
deps=$(dirname "${1:?path of the binary}")/deps
mkdir -p "$deps"
built=$(find "$deps" -name '*.rlib' | wc -l)
if ((built < 400)); then
  echo "First build: about 730 crates. Expect 12 to 18 minutes on 2 cores; later builds take seconds to a minute." >&2
  echo "cargo's bar below shows how far it is. Everything goes to $CARGO_TARGET_DIR." >&2
fi
