#!/usr/bin/env bash
# Trains on this machine. Usage: launch/local.sh RANKS CONFIG.json [options of phd-train]
#
#   launch/local.sh 2 configs/phd-cswa.json --set training.steps=50
#
# Ctrl-C (or SIGTERM) saves and stops with exit status 75; the same command resumes the run. SIGUSR1 to this script
# saves, and the run continues. PHD_TRAIN names a phd-train other than this checkout's.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")

if [ $# -lt 2 ] || ! [[ $1 =~ ^[1-9][0-9]*$ ]]; then
  printf 'usage: launch/local.sh RANKS CONFIG.json [options of phd-train]\n' >&2
  exit 64
fi
ranks=$1
shift

program=${PHD_TRAIN:-$("$here/find-program.sh" phd-train)}
command -v mpirun >/dev/null || {
  printf 'launch/local.sh: mpirun is not on the PATH; run launch/setup.sh\n' >&2
  exit 66
}

# --bind-to none: otherwise Open MPI may bind a rank with all its threads to one core. --oversubscribe: Open MPI counts
# cores, not hardware threads, and a test may need more ranks than either. --quiet: only the program prints an error.
options=(--quiet -n "$ranks" --bind-to none --oversubscribe)
if [ "$(id -u)" -eq 0 ]; then options+=(--allow-run-as-root); fi

exec "$here/with-signals.sh" mpirun "${options[@]}" "$program" "$@"
