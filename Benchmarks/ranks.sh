#!/usr/bin/env bash
# Measures the cost of reproducibility on 1, 2, 4 and 8 ranks: the state of a rank in bytes per parameter, its peak
# memory, and the bytes that it sends per step of 16 micro-batches. Micro-batches of 32 tokens keep activations small.
# Prints a Markdown table. Benchmarks/alternate.py measures the time.
set -euo pipefail
cd "$(dirname "$0")/.."
phd=$PWD/.build/release/phd
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
config=Benchmarks/configs/step-vanilla.json
parameters=$("$phd" plan "$config" --json | jq .parameters)
echo "| setting | ranks | state, bytes per parameter | peak memory of a rank | sent by a rank per step |"
echo "|---|---|---|---|---|"
for setting in "training.reproducible=false" "training.reproducible=true" "optimizer.sharded=true"; do
  for ranks in 1 2 4 8; do
    mpirun --quiet -n "$ranks" --bind-to none "$phd" benchmark train "$config" --steps 1 --json \
      --set training.micro_batch_size=1 --set training.global_batch_size=16 --set data.sequence_length=32 \
      --set "$setting" |
      jq -r --arg s "$setting" --argjson r "$ranks" --argjson p "$parameters" \
        '"| `\($s)` | \($r) | \(.state_bytes / $p * 100 | round / 100) | \(.peak_memory_bytes / 1e6 | round) MB | \(.bytes_sent_per_step / 1e6 | round) MB |"'
  done
done
