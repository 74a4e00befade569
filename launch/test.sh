#!/usr/bin/env bash
# Builds and runs all tests. On a processor with AVX-512, also runs the kernel-dependent tests built for AVX2. The last
# line is `N passed, N failed, N skipped`; the lines before it give the reasons of skipped tests.
# Usage: launch/test.sh [--kernels best|avx2|all] [options of swift test, such as --filter NAME]
#   --kernels best   only the processor's best instructions; the default with options of swift test
#   --kernels avx2   only AVX2
#   --kernels all    every test for every set of instructions
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kernels=default
if [ "${1:-}" = --kernels ]; then
  kernels=${2:-}
  shift 2 || true
elif [ $# -gt 0 ]; then
  kernels=best
fi
case $kernels in
  default | best | avx2 | all) ;;
  *)
    printf 'launch/test.sh: --kernels %s: expected best, avx2 or all\n' "$kernels" >&2
    exit 64
    ;;
esac

launch/setup.sh jq python3-venv
# For tests that start their own Slurm and hosts; without these packages, the tests are skipped with a reason.
launch/setup.sh slurm-wlm munge iproute2 openssh-server ||
  printf 'launch/test.sh: continuing without the tests of Slurm and of several hosts\n' >&2
for variable in "${!OPENBLAS_@}"; do unset "$variable"; done

# Python packages that tests compare with; without them, the tests are skipped with a reason.
PHD_TEST_PYTHON=$(launch/python.sh Tests/Peers/peers.txt) || PHD_TEST_PYTHON=none
export PHD_TEST_PYTHON

# Whether the processor has the AVX-512 extensions of the best kernels. Then AVX2 is a second path to test.
has_avx512() {
  local flag
  for flag in avx512f avx512bw avx512dq avx512vl; do
    grep -qm 1 "^flags.* $flag" /proc/cpuinfo || return 1
  done
}

# The tests whose results depend on the vector instructions: kernels, training, evaluation and generation.
dependent=()
for suite in KernelsTests TransformerTests InferenceTests EngineTests EvaluationTests TransformersTests InspectionTests \
  GoldenTrainingTests RankIndependenceTests EvaluateTests DocumentMaskTests NumericalErrorTests GenerateTests \
  TensorRecordTests; do
  dependent+=(--filter "$suite")
done

status=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# run NAME FOLDER [options of swift test]: builds in .build/FOLDER, and writes the test events to a file named FOLDER.
run() {
  printf 'launch/test.sh: %s\n' "$1"
  # Not the folder of `swift build -c release`: testable modules make the programs slower.
  local scratch=$2 options=(-c release -Xswiftc -enable-testing --scratch-path ".build/$2") events="$folder/$2"
  shift 2
  {
    swift build --build-tests "${options[@]}" &&
      swift test --skip-build --disable-xctest "${options[@]}" --event-stream-output-path "$events" \
        --event-stream-version 0 "$@"
  } 2>&1 || status=$?
  [ -e "$events" ] || return 0
  # The same test in two builds counts as two tests, and a failure names the build.
  jq -R -c --arg build "$scratch" '
    fromjson? // empty
    | if .kind == "test" then
        .payload.displayName = "\($build): \(.payload.displayName // .payload.name)" | .payload.id |= "\($build)/\(.)"
      elif .payload.testID? then .payload.testID |= "\($build)/\(.)"
      else . end' "$events" >"$events.named"
  mv "$events.named" "$events"
}

if [ "$kernels" != avx2 ]; then
  run 'all tests, for this processor' tests "$@"
fi
if [ "$kernels" = avx2 ] || { [ "$kernels" != best ] && has_avx512; }; then
  [ "$kernels" = default ] && set -- "${dependent[@]}"
  export PHD_TARGET_CPU=haswell
  run 'the tests for AVX2' tests-avx2 "$@"
fi
find "$folder" -type f -exec cat {} + | jq -R -n -r --argjson status "$status" -f launch/count-tests.jq
