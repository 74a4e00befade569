#!/usr/bin/env bash
# Compiles the C shims for 64-bit Arm, so that what is particular to x86 stays behind its guard. Without the headers of
# Arm's C library, which Debian has as a package, nothing is checked, and a message says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

headers=/usr/aarch64-linux-gnu/include
if ! launch/setup.sh libc6-dev-arm64-cross || [ ! -d "$headers" ]; then
  printf '.ci/compile-for-arm.sh: the shims were not compiled for Arm: no headers in %s\n' "$headers" >&2
  exit 0
fi
# The libraries' own headers are those of this machine: they hardly depend on the processor.
read -ra libraries <<<"$(pkg-config --cflags ompi-c hdf5)"
clang=$(command -v clang || printf '%s/clang' "$(dirname "$(readlink -f "$(command -v swift)")")")
status=0
for shim in Sources/C*/shim.h; do
  "$clang" --target=aarch64-linux-gnu -std=gnu11 -Wall -Werror -Wno-unused-function -fsyntax-only -x c \
    -isystem "$headers" "${libraries[@]}" -idirafter /usr/include -idirafter "/usr/include/$(gcc -print-multiarch)" \
    "$shim" || status=1
done
exit "$status"
