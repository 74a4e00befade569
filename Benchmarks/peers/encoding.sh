#!/usr/bin/env bash
# Times `phd corpus build` and the tokenizers library's encode_batch in turn on the same text, and prints a table.
# Usage: Benchmarks/peers/encoding.sh TEXT TOKENIZER.json… [--rounds N] [--threads N]
# The first call installs the library into Benchmarks/peers/.venv-encoding. PHD is the program; default: the one built
# by `swift build -c release`.
set -euo pipefail
peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$("$peers/../../launch/python.sh" "$peers/encoding.txt")
exec "$python" "$peers/encoding.py" "$@"
