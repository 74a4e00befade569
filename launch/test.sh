#!/usr/bin/env bash
# Builds and runs all tests with the processor's best kernel set, and then the tests that depend on kernels with the
# others that it can run. The last line is `N passed, N failed, N skipped`; the lines before it give the reasons of
# skipped tests.
# Usage: launch/test.sh [--kernels best|all|SET] [options of swift test, such as --filter NAME]
#   --kernels best   only the best set; the default with options of swift test
#   --kernels all    every test with every set
#   --kernels SET    every test with this set: portable, avx2, avx512, avx512bf16 or amx
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sets=(portable avx2 avx512 avx512bf16 amx)
kernels=default
if [ "${1:-}" = --kernels ]; then
  kernels=${2:-}
  shift 2 || true
elif [ $# -gt 0 ]; then
  kernels=best
fi
case $kernels in
  default | best | all | portable | avx2 | avx512 | avx512bf16 | amx) ;;
  *)
    printf 'launch/test.sh: --kernels %s: expected best, all or one of %s\n' "$kernels" "${sets[*]}" >&2
    exit 64
    ;;
esac

launch/setup.sh jq python3-venv binutils
# For tests that start their own Slurm and hosts; without these packages, the tests are skipped with a reason.
launch/setup.sh slurm-wlm munge iproute2 openssh-server ||
  printf 'launch/test.sh: continuing without the tests of Slurm and of several hosts\n' >&2
for variable in "${!OPENBLAS_@}" PHD_KERNELS; do unset "$variable"; done

# Python packages that tests compare with; without them, the tests are skipped with a reason.
PHD_TEST_PYTHON=$(launch/python.sh Tests/Peers/peers.txt) || PHD_TEST_PYTHON=none
export PHD_TEST_PYTHON

# The tests of passes, training, evaluation and generation. KernelsTests tests all sets by itself.
dependent=()
for suite in TransformerTests InferenceTests EngineTests EvaluationTests TransformersTests InspectionTests \
  GoldenTrainingTests RankIndependenceTests EvaluateTests DocumentMaskTests NumericalErrorTests GenerateTests \
  TensorRecordTests; do
  dependent+=(--filter "$suite")
done

# Not the folder of `swift build -c release`: testable modules make the programs slower.
options=(-c release -Xswiftc -enable-testing --scratch-path .build/tests)
status=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# run SET [options of swift test]: runs the tests with a kernel set, and writes the test events to a file of its name.
run() {
  local set=$1 events="$folder/$1"
  shift
  printf 'launch/test.sh: kernel set %s\n' "$set"
  PHD_KERNELS=$set swift test --skip-build --disable-xctest "${options[@]}" --event-stream-output-path "$events" \
    --event-stream-version 0 "$@" 2>&1 || status=$?
  [ -e "$events" ] || return 0
  # The same test with two sets counts as two tests, and a failure names the set.
  jq -R -c --arg set "$set" '
    fromjson? // empty
    | if .kind == "test" then
        .payload.displayName = "\($set): \(.payload.displayName // .payload.name)" | .payload.id |= "\($set)/\(.)"
      elif .payload.testID? then .payload.testID |= "\($set)/\(.)"
      else . end' "$events" >"$events.named"
  mv "$events.named" "$events"
}

printf 'launch/test.sh: building\n'
if swift build --build-tests "${options[@]}" 2>&1; then
  available=()
  for set in "${sets[@]}"; do
    if PHD_KERNELS=$set .build/tests/release/phd plan configs/phd-cswa.json >/dev/null 2>&1; then available+=("$set"); fi
  done
  if [ ${#available[@]} -eq 0 ]; then
    printf 'launch/test.sh: phd plan configs/phd-cswa.json fails with every kernel set\n' >&2
    exit 1
  fi
  best=${available[-1]}
  if [[ $kernels != @(default|best|all) && " ${available[*]} " != *" $kernels "* ]]; then
    printf 'launch/test.sh: --kernels %s: this processor can run %s\n' "$kernels" "${available[*]}" >&2
    exit 64
  fi
  case $kernels in
    best | default) run "$best" "$@" ;;
    all) for set in "${available[@]}"; do run "$set" "$@"; done ;;
    *) run "$kernels" "$@" ;;
  esac
  if [ "$kernels" = default ]; then
    for set in "${available[@]}"; do [ "$set" = "$best" ] || run "$set" "${dependent[@]}"; done
  fi
else
  status=1
fi
find "$folder" -type f -exec cat {} + | jq -R -n -r --argjson status "$status" -f launch/count-tests.jq
