#!/usr/bin/env bash
# Runs the demo, then lets the native Rerun viewer draw it without a screen (Mesa's software Vulkan).
#   deploy/screenshot.sh path/to/tidewire docs/demo.png
set -euo pipefail
tidewire=${1:?path of the tidewire binary}
picture=$(realpath -m "${2:?path of the picture}")
venv=${TIDEWIRE_VIEWER_VENV:-$HOME/.cache/tidewire/viewer}
seconds=${SECONDS_OF_DEMO:-40}
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
scratch=$(mktemp -d)
viewer=
# The wheel's `rerun` is a wrapper: the viewer itself is its child, so the whole group must go.
trap '[[ -z $viewer ]] || kill -KILL -- "-$viewer" 2>/dev/null; rm -rf "$scratch"' EXIT

say() { printf 'screenshot: %s\n' "$*" >&2; }

if [[ ! -x $venv/bin/rerun ]]; then
  say "installing the Rerun viewer 0.36.3 into $venv (about 130 MB)"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check rerun-sdk==0.36.3
  "$venv/bin/rerun" analytics disable >/dev/null 2>&1 || true
fi
if ! ldconfig -p | grep -q libEGL.so.1 || ! compgen -G '/usr/share/vulkan/icd.d/lvp_icd*' >/dev/null; then
  say "installing libegl1 and mesa-vulkan-drivers"
  sudo=()
  [[ $(id -u) -eq 0 ]] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" apt-get install -y -qq libegl1 mesa-vulkan-drivers libxkbcommon0 >&2
fi

say "running the demo for $seconds s"
"$tidewire" up launch/demo.yaml --for "${seconds}s" -o "$scratch/recordings" "target:=save:$scratch/demo.rrd" >&2

say "drawing it"
setsid "$venv/bin/rerun" --headless --window-size 1600x1000 --bind 127.0.0.1 --port "$port" \
  "$scratch/demo.rrd" >"$scratch/viewer.log" 2>&1 &
viewer=$!
"$venv/bin/python" - "$port" "$picture" <<'PY'
import sys
import time

from rerun.experimental import ViewerClient

port, picture = sys.argv[1:]
deadline = time.monotonic() + 60
while True:
    try:
        client = ViewerClient(f"rerun+http://127.0.0.1:{port}/proxy")
        break
    except Exception:
        if time.monotonic() > deadline:
            raise
        time.sleep(0.5)
time.sleep(12)  # the software renderer needs a few frames to load and lay everything out
client.save_screenshot(picture)
time.sleep(2)

# Flat colours: a palette makes it a third of the size.
from PIL import Image

Image.open(picture).convert("RGB").quantize(96).save(picture, optimize=True)
PY
[[ -s $picture ]] || { cat "$scratch/viewer.log" >&2; say "no picture came"; exit 1; }
say "wrote $picture"
