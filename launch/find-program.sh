#!/usr/bin/env bash
# Prints the path of a program of this project: the one built in this checkout, else the one on the PATH.
# Usage: launch/find-program.sh NAME
set -euo pipefail
if [ $# -ne 1 ]; then
  printf 'usage: launch/find-program.sh NAME\n' >&2
  exit 64
fi
built=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.build/release/$1
if [ -x "$built" ]; then
  printf '%s\n' "$built"
elif ! command -v "$1"; then
  printf '%s is not built and not on the PATH; run launch/build.sh first\n' "$1" >&2
  exit 66
fi
