#!/usr/bin/env bash
# Measures prefill and decoding of phd, transformers and llama.cpp alternately with the same weights; prints a table.
# Usage: Benchmarks/peers/inference.sh [--rounds N] [--prompt N] [--new N] [--threads N] [--half]
# The first call installs both into Benchmarks/peers/.venv-inference. It builds llama.cpp from source, which needs a C++
# compiler and ten minutes. Use an idle machine.
set -euo pipefail
peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for variable in "${!OPENBLAS_@}"; do unset "$variable"; done
python=$("$peers/../../launch/python.sh" "$peers/inference.txt")
exec "$python" "$peers/inference.py" "$@"
