#!/usr/bin/env bash
# Runs an mpirun command so that a signal to this script saves a checkpoint and stops the training.
# Usage: launch/with-signals.sh mpirun …
#
# On SIGINT and SIGTERM, mpirun kills its ranks after about a second, whatever they are doing. SIGUSR1 and SIGUSR2 it
# passes on immediately. So mpirun runs in its own session, where the terminal's Ctrl-C does not reach it, and this
# script translates INT, TERM and HUP into SIGUSR2: the ranks finish their step, save, and exit with 75. A second INT,
# TERM or HUP kills them. The exit status is mpirun's. It is 69 if this script had to kill mpirun, because mpirun's own
# ranks were gone and it waited for a host that no longer responds.
set -euo pipefail
if [ $# -eq 0 ]; then
  printf 'usage: launch/with-signals.sh mpirun …\n' >&2
  exit 64
fi

# Leftover variables, especially OPENBLAS_CORETYPE, can halve the measured peak.
for variable in "${!OPENBLAS_@}"; do unset "$variable"; done

setsid "$@" </dev/null &
mpirun=$!
interrupted=no
asked=no

children() { cat "/proc/$mpirun/task/$mpirun/children" 2>/dev/null || true; }

# Whether mpirun has started its ranks, and those on this host already catch SIGUSR2. A program that does not catch the
# signal yet would be killed by it.
ready() {
  local child caught found=no
  for child in $(children); do
    found=yes
    # A fork of mpirun that has not yet executed the rank's program.
    if [ "/proc/$child/exe" -ef "/proc/$mpirun/exe" ]; then return 1; fi
    grep -qz '^OMPI_COMM_WORLD_RANK=' "/proc/$child/environ" 2>/dev/null || continue
    caught=$(awk '$1 == "SigCgt:" { print $2 }' "/proc/$child/status" 2>/dev/null)
    ((0x${caught:-0} & 0x800)) || return 1
  done
  [ "$found" = yes ]
}
tell() {
  local tries=0
  while ! ready && kill -0 "$mpirun" 2>/dev/null && [ "$tries" -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  kill "-$1" "$mpirun" 2>/dev/null || true
}
stop() {
  interrupted=yes
  if [ "$asked" = no ]; then
    asked=yes
    printf 'Saving a checkpoint and stopping; repeat the signal to stop without saving.\n' >&2
    tell USR2
  else
    # shellcheck disable=SC2046 # a list of numbers
    kill -KILL $(children) 2>/dev/null || true
    # mpirun cleans up its ranks, here and on other hosts.
    kill -TERM "$mpirun" 2>/dev/null || true
  fi
}
pass_on() {
  interrupted=yes
  tell "$1"
}
trap stop INT TERM HUP
trap 'pass_on USR1' USR1
trap 'pass_on USR2' USR2

# To end its job, mpirun sends a message to every host and waits for the answers. For a lost host this takes a quarter
# of an hour, while TCP retransmits. So mpirun is killed if its ranks on this host have been gone for 10 s
# (PHD_LOST_HOST_SECONDS).
watch() {
  local never had=no without=0 child found
  exec {never}<> <(:)
  while kill -0 "$mpirun" 2>/dev/null; do
    found=no
    for child in $(children); do
      if grep -qz '^OMPI_COMM_WORLD_RANK=' "/proc/$child/environ" 2>/dev/null; then found=yes had=yes; fi
    done
    if [ "$found" = yes ]; then without=0; elif [ "$had" = yes ]; then without=$((without + 1)); fi
    if [ "$without" -ge "${PHD_LOST_HOST_SECONDS:-10}" ]; then
      kill -KILL "$mpirun" 2>/dev/null || true
      exit 69
    fi
    # Sleeps 1 s without starting a process: the pipe is always empty.
    read -r -t 1 -u "$never" _ || true
  done
}
watch </dev/null >/dev/null 2>&1 &
watcher=$!

# A trapped signal ends `wait` early; a second `wait` still returns the status of a child that has ended.
while true; do
  interrupted=no
  status=0
  wait "$mpirun" 2>/dev/null || status=$?
  [ "$interrupted" = yes ] || break
done
kill "$watcher" 2>/dev/null || true
gone=0
wait "$watcher" 2>/dev/null || gone=$?
if [ "$gone" -eq 69 ]; then
  printf 'launch: killed mpirun, which waited for a host that no longer answers; run the same command to resume\n' >&2
  status=69
fi
exit "$status"
