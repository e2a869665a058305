#!/usr/bin/env bash
# Installs what building or testing needs, and says so before it does.
#   deploy/setup.sh build    a C compiler, libclang (bindgen reads the system's headers through it)
#   deploy/setup.sh cyclone  cmake, a C++ compiler and OpenSSL's headers, which building Cyclone DDS needs besides
#   deploy/setup.sh test     the same, and other people's DDS: Fast DDS and Cyclone DDS of the system, Cyclone DDS and
#                            zenoh for Python in a venv of our own; ip, to join network namespaces
set -euo pipefail

say() { printf 'setup: %s\n' "$*" >&2; }

# Installs Debian/Ubuntu packages as root, through sudo where we are not root.
install_packages() {
  local sudo=()
  if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
      say "need root to install: $*"
      say "ask an administrator to run: apt-get install -y $*   then run make again"
      exit 1
    fi
    sudo=(sudo)
  fi
  if ! command -v apt-get >/dev/null; then
    say "this script knows only apt-get; install the equivalents of: $*   then run make again"
    exit 1
  fi
  say "installing with apt-get: $*"
  "${sudo[@]}" apt-get update -qq
  local package offered=()
  for package in "$@"; do
    if [[ -n $(apt-cache search --names-only "^${package//+/\\+}\$") ]]; then
      offered+=("$package")
    elif [[ " ${OPTIONAL[*]} " == *" $package "* ]]; then
      say "this system has no package $package: the tests beside it are skipped"
    else
      offered+=("$package")
    fi
  done
  [[ ${#offered[@]} -eq 0 ]] ||
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq "${offered[@]}" >&2
}

# Packages that tests use where the system has them.
OPTIONAL=(libfastrtps-dev libfastcdr-dev cyclonedds-dev cyclonedds-tools)

installed() {
  dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

# libclang-cpp is another library, which bindgen has no use for.
have_libclang() {
  [[ -n ${LIBCLANG_PATH:-} ]] && return 0
  local found
  found=$(ldconfig -p 2>/dev/null || true; compgen -G '/usr/lib/llvm-*/lib/libclang*' || true)
  [[ $found =~ libclang(-[0-9.]+)?\.so ]]
}

# For the cargo feature `cyclone` and the tests of that backend.
install_cyclone() {
  local missing=()
  command -v cmake >/dev/null || missing+=(cmake)
  command -v make >/dev/null && command -v c++ >/dev/null || missing+=(build-essential)
  # For DDS Security; found by pkg-config.
  command -v pkg-config >/dev/null || missing+=(pkg-config)
  pkg-config --exists openssl 2>/dev/null || missing+=(libssl-dev)
  [[ ${#missing[@]} -eq 0 ]] || install_packages "${missing[@]}"
}

case "${1:-}" in
build)
  missing=()
  command -v cc >/dev/null || missing+=(build-essential)
  have_libclang || missing+=(libclang-dev)
  [[ ${#missing[@]} -eq 0 ]] || install_packages "${missing[@]}"
  if ! command -v cargo >/dev/null; then
    say "cargo is missing; install Rust 1.95 or newer from https://rustup.rs, then run make again"
    exit 1
  fi
  ;;
cyclone)
  install_cyclone
  ;;
test)
  install_cyclone
  # Tests across network namespaces make their links with it.
  command -v ip >/dev/null || install_packages iproute2
  # Tests of DDS Security make their keys with it.
  command -v openssl >/dev/null || install_packages openssl
  venv=${TIDEWIRE_VENV:-$HOME/.cache/tidewire/venv}
  wanted=("cyclonedds==11.0.1" "eclipse-zenoh==1.10.2")
  stamp="$venv/.tidewire-${wanted[*]// /_}"
  stamp=${stamp// /_}
  if [[ ! -e $stamp ]]; then
    if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
      install_packages python3 python3-venv python3-pip
    fi
    say "installing into $venv: ${wanted[*]}"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${wanted[@]}"
    touch "$stamp"
  fi
  # Asked for once: what the system does not have today, it does not have on the next run.
  asked="${stamp%/*}/.tidewire-packages-1"
  missing=()
  for package in g++ iproute2 util-linux "${OPTIONAL[@]}"; do
    installed "$package" || missing+=("$package")
  done
  if [[ ${#missing[@]} -gt 0 && "$(cat "$asked" 2>/dev/null)" != "${missing[*]}" ]]; then
    install_packages "${missing[@]}"
    still=()
    for package in "${missing[@]}"; do
      installed "$package" || still+=("$package")
    done
    echo "${still[*]}" >"$asked"
  fi
  ;;
*)
  say "usage: deploy/setup.sh build|cyclone|test"
  exit 2
  ;;
esac
