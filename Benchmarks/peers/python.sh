#!/usr/bin/env bash
# Prints the path of a Python with the packages of Benchmarks/peers/NAME.txt; installs them at the first call.
# Usage: Benchmarks/peers/python.sh NAME
set -euo pipefail
peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$peers/.venv-$1
if ! cmp -s "$peers/$1.txt" "$folder/installed.txt"; then
  if ! python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    printf 'the comparison needs Python 3.11 or later with venv (Debian: apt install python3-venv)\n' >&2
    exit 69
  fi
  python3 -m venv --clear "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$peers/$1.txt" >&2
  cp "$peers/$1.txt" "$folder/installed.txt"
fi
printf '%s\n' "$folder/bin/python"
