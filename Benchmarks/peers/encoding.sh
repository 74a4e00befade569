#!/usr/bin/env bash
# Measures `phd corpus build` and the tokenizers library's encode_batch alternately on the same text.
# Usage: Benchmarks/peers/encoding.sh TEXT TOKENIZER.json… [--rounds N] [--threads N]
# The first call installs the library into Benchmarks/peers/.venv-encoding. PHD names the phd program; default: the
# one built by `swift build -c release`.
set -euo pipefail
peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$("$peers/../../launch/python.sh" "$peers/encoding.txt")
exec "$python" "$peers/encoding.py" "$@"
