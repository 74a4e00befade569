#!/usr/bin/env bash
# Builds and runs all tests. The last line is `N passed, N failed, N skipped`; before it, why any were skipped.
# Usage: launch/test.sh [options of swift test, such as --filter NAME]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
launch/setup.sh jq python3-venv
# For tests that start a Slurm and hosts of their own; without, those are skipped, and say so.
launch/setup.sh slurm-wlm munge iproute2 openssh-server || printf 'launch/test.sh: going on without\n' >&2
for variable in "${!OPENBLAS_@}"; do unset "$variable"; done

# Other people's programs, which tests read from and write for; without them those tests are skipped, and say so.
PHD_TEST_PYTHON=$(launch/python.sh Tests/Peers/peers.txt) || PHD_TEST_PYTHON=none
export PHD_TEST_PYTHON

# Not the folder of `swift build -c release`: tests look inside modules, which costs the programs speed.
options=(-c release -Xswiftc -enable-testing --scratch-path .build/tests)
events=$(mktemp)
trap 'rm -f "$events"' EXIT

status=0
{
  swift build --build-tests "${options[@]}" &&
    swift test --skip-build --disable-xctest "${options[@]}" --event-stream-output-path "$events" --event-stream-version 0 "$@"
} 2>&1 || status=$?
jq -R -n -r --argjson status "$status" -f launch/count-tests.jq "$events"
