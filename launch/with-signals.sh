#!/usr/bin/env bash
# Runs an mpirun command so that a signal to this script stops the training in good order.
# Usage: launch/with-signals.sh mpirun …
#
# mpirun itself answers SIGINT and SIGTERM by killing its ranks about a second later, whatever they are doing; SIGUSR1
# and SIGUSR2 it passes on at once. So mpirun runs in a session of its own, where the terminal's Ctrl-C does not reach
# it, and this script turns INT, TERM and HUP into SIGUSR2: the ranks finish their step, save, and exit with 75. A
# second INT or TERM kills them. The exit status is mpirun's; 69 where it had to be killed, since it waited, its own
# ranks gone, for a host that no longer answers.
set -euo pipefail
if [ $# -eq 0 ]; then
  printf 'usage: launch/with-signals.sh mpirun …\n' >&2
  exit 64
fi

# Leftovers of other measurements, OPENBLAS_CORETYPE above all, would halve the measured peak.
for variable in "${!OPENBLAS_@}"; do unset "$variable"; done

setsid "$@" </dev/null &
mpirun=$!
interrupted=no
asked=no

children() { cat "/proc/$mpirun/task/$mpirun/children" 2>/dev/null || true; }

# Whether mpirun has started its ranks, to which it would pass a signal on, and those of this host catch SIGUSR2 already:
# a program that has just been started would die of it.
ready() {
  local child caught found=no
  for child in $(children); do
    found=yes
    # Still mpirun itself, about to become a rank.
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
    printf 'Stopping with a checkpoint; once more to stop without.\n' >&2
    tell USR2
  else
    # shellcheck disable=SC2046 # a list of numbers
    kill -KILL $(children) 2>/dev/null || true
    # It clears up behind its ranks, here and on other hosts.
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

# Told to end its job, mpirun tells every host and waits for the answer; from a host that is gone there is none for a
# quarter of an hour, as TCP sends again and again. Its ranks here being gone for 10 s (PHD_LOST_HOST_SECONDS), it is
# past waiting for.
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
    # The pipe stays empty: a sleep that leaves no process behind.
    read -r -t 1 -u "$never" _ || true
  done
}
watch </dev/null >/dev/null 2>&1 &
watcher=$!

# A trapped signal ends `wait` early; the status of a child that has ended is still there when asked again.
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
  printf 'launch: mpirun waited for a host that no longer answers and was killed; the same command goes on\n' >&2
  status=69
fi
exit "$status"
