#!/usr/bin/env bash
# Times the steps of Benchmarks/configs/step-*.json in turn and prints the medians. Usage: Benchmarks/step.sh [ROUNDS]
# The machine should have nothing else to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for variable in "${!OPENBLAS_@}"; do unset "$variable"; done
rounds=${1:-5}
phd=$(launch/find-program.sh phd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for round in $(seq "$rounds"); do
  for config in Benchmarks/configs/step-*.json; do
    "$phd" benchmark train "$config" --steps 2 --json >>"$work/$(basename "$config" .json)"
  done
done

# median FILE KEY
median() {
  sed -E "s/.*\"$2\":([0-9.e+-]+).*/\1/" "$1" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
printf '| configuration | tokens/s | GFLOP/s | products, GFLOP/s | share | peak memory |\n|---|---|---|---|---|---|\n'
for file in "$work"/step-*; do
  awk -v name="$(basename "$file")" -v tokens="$(median "$file" tokens_per_second)" \
    -v model="$(median "$file" model_gflops)" -v peak="$(median "$file" gemm_peak_gflops)" \
    -v share="$(median "$file" share_of_peak)" -v memory="$(median "$file" peak_memory_bytes)" \
    'BEGIN { printf "| %s | %.0f | %.0f | %.0f | %.0f %% | %.2f GB |\n", name, tokens, model, peak, 100 * share, memory / 1e9 }'
done
