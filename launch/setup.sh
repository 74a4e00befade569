#!/usr/bin/env bash
# Installs the missing Debian packages that the project is built with, and checks that Swift is installed.
# Usage: launch/setup.sh [further Debian packages]
# Prints nothing unless something fails. A second call does nothing.
set -euo pipefail

packages=(
  build-essential git pkg-config
  libopenmpi-dev openmpi-bin
  libhdf5-dev hdf5-tools
  libopenblas-dev
  libdnnl-dev
  libxxhash-dev
  libonig-dev libssl-dev
  "$@"
)

fail() {
  printf 'launch/setup.sh: %s\n' "$*" >&2
  exit 1
}

missing=()
if command -v dpkg-query >/dev/null; then
  for package in "${packages[@]}"; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
  done
else
  for tool in mpirun mpicc h5cc pkg-config; do
    command -v "$tool" >/dev/null || fail "this is not a Debian system, and $tool is not on the PATH; install the" \
      "contents of these Debian packages: ${packages[*]}"
  done
fi

if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "installing packages needs root or sudo; ask an administrator to install: ${missing[*]}"
    as_root=(sudo)
  fi
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1
  }
  apt update || { tail -n 20 "$log" >&2; printf 'launch/setup.sh: apt-get update failed; continuing without it\n' >&2; }
  apt install --no-install-recommends "${missing[@]}" || {
    tail -n 20 "$log" >&2
    fail "apt-get could not install: ${missing[*]}"
  }
fi

command -v swift >/dev/null || fail "swift is not on the PATH; install Swift 6.1 or later from swift.org/install"
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1)
major=${version%%.*}
minor=${version#*.}
if [ -z "$version" ] || [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 1 ]; }; then
  fail "swift has version ${version:-unknown}; install Swift 6.1 or later from swift.org/install"
fi
