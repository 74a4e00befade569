#!/usr/bin/env bash
# Times prefill and decoding of ours, transformers and llama.cpp in turn, with the same weights, and prints a table.
# Usage: Benchmarks/peers/inference.sh [--rounds N] [--prompt N] [--new N] [--threads N] [--half]
# The first call installs them into Benchmarks/peers/.venv-inference, llama.cpp from its source (a C++ compiler; ten
# minutes). The machine should have nothing else to do.
set -euo pipefail
peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for variable in "${!OPENBLAS_@}"; do unset "$variable"; done
python=$("$peers/../../launch/python.sh" "$peers/inference.txt")
exec "$python" "$peers/inference.py" "$@"
