#!/usr/bin/env bash
# Times our steps and PyTorch's in turn and prints a table. Without CONFIG: Benchmarks/configs/step-*.json.
# Usage: Benchmarks/peers/compare.sh [--compile] [ROUNDS] [CONFIG ...] [-- --set KEY=VALUE ...]
# The first call installs PyTorch into Benchmarks/peers/.venv. The machine should have nothing else to do.
set -euo pipefail
peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for variable in "${!OPENBLAS_@}"; do unset "$variable"; done

python=$peers/.venv/bin/python
if ! cmp -s "$peers/requirements.txt" "$peers/.venv/installed.txt"; then
  if ! python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    printf 'the comparison needs Python 3.11 or later with venv (Debian: apt install python3-venv)\n' >&2
    exit 69
  fi
  python3 -m venv --clear "$peers/.venv"
  "$python" -m pip install --quiet --disable-pip-version-check -r "$peers/requirements.txt" >&2
  cp "$peers/requirements.txt" "$peers/.venv/installed.txt"
fi
exec "$python" "$peers/compare.py" "$@"
