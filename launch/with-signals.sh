#!/usr/bin/env bash
# Runs an mpirun command so that a signal to this script stops the training in good order.
# Usage: launch/with-signals.sh mpirun …
#
# mpirun itself answers SIGINT and SIGTERM by killing its ranks about a second later, whatever they are doing; SIGUSR1
# and SIGUSR2 it passes on at once. So mpirun runs in a session of its own, where the terminal's Ctrl-C does not reach
# it, and this script turns INT, TERM and HUP into SIGUSR2: the ranks finish their step, save, and exit with 75. A
# second INT or TERM kills them. The exit status is mpirun's.
set -euo pipefail

# Leftovers of other measurements, OPENBLAS_CORETYPE above all, would halve the speed.
for variable in "${!OPENBLAS_@}"; do unset "$variable"; done

setsid "$@" </dev/null &
mpirun=$!
interrupted=no
asked=no

stop() {
  interrupted=yes
  if [ "$asked" = no ]; then
    asked=yes
    printf 'Stopping with a checkpoint; once more to stop without.\n' >&2
    kill -USR2 "$mpirun" 2>/dev/null || true
  else
    local ranks
    ranks=$(cat "/proc/$mpirun/task/$mpirun/children" 2>/dev/null || true)
    # shellcheck disable=SC2086 # a list of numbers
    if [ -n "$ranks" ]; then kill -KILL $ranks 2>/dev/null || true; fi
    # It clears up behind its ranks, here and on other hosts.
    kill -TERM "$mpirun" 2>/dev/null || true
  fi
}
pass_on() {
  interrupted=yes
  kill "-$1" "$mpirun" 2>/dev/null || true
}
trap stop INT TERM HUP
trap 'pass_on USR1' USR1
trap 'pass_on USR2' USR2

# A trapped signal ends `wait` early; the status of a child that has ended is still there when asked again.
while true; do
  interrupted=no
  status=0
  wait "$mpirun" || status=$?
  [ "$interrupted" = yes ] || break
done
exit "$status"
