#!/usr/bin/env bash
# Prints the path of a Python that has the packages listed in a file, such as Tests/Peers/peers.txt. The first call
# installs them into the folder .venv-NAME next to the file NAME.txt.
# Usage: launch/python.sh FILE.txt
set -euo pipefail
if [ $# -ne 1 ] || [ ! -f "$1" ]; then
  printf 'usage: launch/python.sh FILE.txt, a file that lists packages\n' >&2
  exit 64
fi
list=$(realpath "$1")
folder=$(dirname "$list")/.venv-$(basename "$list" .txt)
if ! cmp -s "$list" "$folder/installed.txt"; then
  if ! python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    printf 'launch/python.sh: Python 3.11 or later with venv is needed (Debian: apt install python3-venv)\n' >&2
    exit 69
  fi
  python3 -m venv --clear "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$list" >&2
  cp "$list" "$folder/installed.txt"
fi
printf '%s\n' "$folder/bin/python"
