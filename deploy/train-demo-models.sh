#!/usr/bin/env bash
# Trains the models the demo ships: records the demo's sites without faults, then `tidewire train`.
#   deploy/train-demo-models.sh path/to/tidewire [SECONDS]
set -euo pipefail
tidewire=${1:?path of the tidewire binary}
seconds=${2:-120}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# No fault before the end of days; another market than the demo's.
"$tidewire" up launch/demo.yaml --for "${seconds}s" -o "$scratch" quiet:=1e9 seed:=7 view:=false
mkdir -p launch/models
train() {
  local site=$1 topic=$2 kind=$3
  "$tidewire" train -d "$scratch/$site" --topic "$topic" --kind "$kind" -o "launch/models/$topic.twm"
}
train plant vibration autoencoder
train plant current pca
train plant temperature drift
train exchange quotes shock
