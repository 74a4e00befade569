#!/usr/bin/env bash
# Times our steps and PyTorch's in turn and prints a table. Without CONFIG: Benchmarks/configs/step-*.json.
# Usage: Benchmarks/peers/compare.sh [--compile] [ROUNDS] [CONFIG ...] [-- --set KEY=VALUE ...]
# The first call installs PyTorch into Benchmarks/peers/.venv-training. The machine should have nothing else to do.
set -euo pipefail
peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for variable in "${!OPENBLAS_@}"; do unset "$variable"; done
python=$("$peers/../../launch/python.sh" "$peers/training.txt")
exec "$python" "$peers/compare.py" "$@"
