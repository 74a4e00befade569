#!/usr/bin/env bash
# Measures training steps of phd and PyTorch alternately, and prints a table. Default: Benchmarks/configs/step-*.json.
# Usage: Benchmarks/peers/compare.sh [--compile] [ROUNDS] [CONFIG ...] [-- --set KEY=VALUE ...]
# The first call installs PyTorch into Benchmarks/peers/.venv-training. Use an idle machine.
set -euo pipefail
peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for variable in "${!OPENBLAS_@}"; do unset "$variable"; done
python=$("$peers/../../launch/python.sh" "$peers/training.txt")
exec "$python" "$peers/compare.py" "$@"
