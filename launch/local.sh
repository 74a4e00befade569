#!/usr/bin/env bash
# Trains on this machine. Usage: launch/local.sh RANKS CONFIG.json [options of phd-train]
#
#   launch/local.sh 2 configs/phd-cswa.json --set training.steps=50
#
# Ctrl-C (or SIGTERM) saves and stops with exit status 75; the same command goes on from there. SIGUSR1 to this script
# saves and goes on. PHD_TRAIN names another phd-train than this checkout's.
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
  printf 'launch/local.sh: there is no mpirun on the PATH; run launch/setup.sh\n' >&2
  exit 66
}

# --bind-to none: Open MPI would bind a rank to one core and pile its threads up there. --oversubscribe: it counts
# cores, not hardware threads, and a test may want more ranks than either. --quiet: the program's own message is enough.
options=(--quiet -n "$ranks" --bind-to none --oversubscribe)
if [ "$(id -u)" -eq 0 ]; then options+=(--allow-run-as-root); fi

exec "$here/with-signals.sh" mpirun "${options[@]}" "$program" "$@"
