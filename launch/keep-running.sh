#!/usr/bin/env bash
# Restarts a job that fails. Usage: launch/keep-running.sh [options] COMMAND…
#
#   launch/keep-running.sh launch/local.sh 2 configs/phd-cswa.json
#
#   --run FOLDER        the run's folder, whose checkpoints show progress; default: from COMMAND's configuration
#   --tries N           give up after N restarts in a row without a newer checkpoint (default 5)
#   --restarts N        give up after N restarts in all (default: no limit)
#   --delay S           seconds before a restart (default 5); doubled each time until there is a newer checkpoint
#   --longest-delay S   maximum delay in seconds (default 300)
#   --lived S           without a run folder: a job that ran for S seconds has made progress (default 600)
#   --final STATUS      an additional exit status that is not restarted (repeatable); for example 75 under Slurm, which
#                       requeues the job itself
#
# COMMAND runs from scratch each time, with the number of the restart in PHD_RESTART, so your own script may choose
# different ranks or hosts. INT, TERM, HUP, USR1 and USR2 to this script are passed on to COMMAND, as by
# launch/local.sh. After any of them but USR1, nothing is restarted. These statuses are not restarted either: 0 (done);
# 64, 65, 66 (wrong usage or configuration, invalid corpus or checkpoint, missing file); 126, 127 (COMMAND cannot be
# run). A 75 without a signal to this script (a time limit) is restarted. The exit status is that of the last start, or
# 75 if a signal arrives between two starts.
set -euo pipefail
# Job control: COMMAND gets its own process group. So the terminal's Ctrl-C reaches it only once, through this script,
# and bash does not make it ignore INT.
set -m

complain() { printf 'keep-running: %s\n' "$*" >&2; }
usage() {
  complain "$1; usage: launch/keep-running.sh [--run FOLDER] [--tries N] [--restarts N] [--delay S]" \
    "[--longest-delay S] [--lived S] [--final STATUS] COMMAND…"
  exit 64
}

run='' tries=5 restarts='' delay=5 longest=300 lived=600 final=(0 64 65 66 126 127)
while [[ ${1:-} == --* ]]; do
  option=$1 value=${2:-}
  case $option in
    --run) [ -n "$value" ] || usage "--run needs a folder" ;;
    --tries | --restarts | --delay | --longest-delay | --lived | --final)
      [[ $value =~ ^[0-9]{1,9}$ ]] || usage "$option needs a whole number, not '$value'"
      value=$((10#$value)) ;;
    *) usage "unknown option $option" ;;
  esac
  case $option in
    --run) run=$value ;;
    --tries) tries=$value ;;
    --restarts) restarts=$value ;;
    --delay) delay=$value ;;
    --longest-delay) longest=$value ;;
    --lived) lived=$value ;;
    --final) final+=("$value") ;;
  esac
  shift 2
done
[ $# -gt 0 ] || usage "COMMAND is missing"

previous=
for argument in "$@"; do
  case "$previous $argument" in
    "--resume auto" | *" --resume=auto") ;;
    *" --overwrite" | "--resume "* | *" --resume="*)
      complain "$previous $argument: with this option, each restart would discard the training since the last one;" \
        "start the run once without this script, then with this script and without the option"
      exit 64 ;;
  esac
  previous=$argument
done

# run_folder COMMAND…: the run's folder, as the trainer resolves it from COMMAND's first .json argument and the options
# after it. Prints nothing if it cannot be determined.
run_folder() {
  while [ $# -gt 0 ] && ! [[ $1 == *.json && -f $1 ]]; do shift; done
  [ $# -gt 0 ] || return 0
  local program
  program=${PHD_TRAIN:-$("$(dirname "${BASH_SOURCE[0]}")/find-program.sh" phd-train 2>/dev/null)} || return 0
  "$program" "$@" --dry-run </dev/null 2>/dev/null | awk '
    function value() { sub(/^[^:]*: "/, ""); sub(/",?$/, ""); return $0 }
    /^  "name": "/ { name = value() }
    /^  "[a-z_]*": \{/ { section = $1 }
    /^    "directory": "/ && section == "\"checkpoint\":" { folder = value() }
    END { if (folder != "" && name != "" && (folder name) !~ /\\/) print folder "/" name }' || return 0
}
# The step of the newest checkpoint; -1 if there is none.
newest() {
  local newest=-1 file
  for file in "$run"/step-*.h5; do
    [[ $file =~ /step-([0-9]+)\.h5$ ]] && newest=$((10#${BASH_REMATCH[1]} > newest ? 10#${BASH_REMATCH[1]} : newest))
  done
  printf '%s\n' "$newest"
}
[ -n "$run" ] || run=$(run_folder "$@")

job='' asked=no heard=no sleeping=''
hear() {
  heard=yes
  if [ "$1" != USR1 ]; then asked=yes; fi
  if [ -n "$job" ]; then kill "-$1" "$job" 2>/dev/null || true; fi
  if [ "$asked" = yes ] && [ -n "$sleeping" ]; then kill "$sleeping" 2>/dev/null || true; fi
}
for signal in INT TERM HUP USR1 USR2; do
  # shellcheck disable=SC2064 # expand the signal's name now
  trap "hear $signal" "$signal"
done

# Waits until a child has ended. A trapped signal ends `wait` early; a second `wait` still returns the status.
await() {
  local status
  while true; do
    heard=no status=0
    wait "$1" 2>/dev/null || status=$?
    [ "$heard" = yes ] || return "$status"
  done
}

restart=0 vain=0 pause=$delay best=-1
while true; do
  if [ -n "$run" ] && [ "$restart" -eq 0 ]; then best=$(newest); fi
  started=$SECONDS status=0
  PHD_RESTART=$restart "$@" </dev/null &
  job=$!
  # Passes on a signal that arrived just before the start.
  if [ "$asked" = yes ]; then kill -TERM "$job" 2>/dev/null || true; fi
  await "$job" || status=$?
  job=
  if [ "$asked" = yes ]; then exit "$status"; fi
  for known in "${final[@]}"; do
    if [ "$status" -eq "$known" ]; then exit "$status"; fi
  done

  took=$((SECONDS - started)) place='' progress=no
  if [ -n "$run" ]; then
    step=$(newest)
    if [ "$step" -ge 0 ]; then place=", newest checkpoint at step $step"; else place=", no checkpoint yet"; fi
    if [ "$step" -gt "$best" ]; then best=$step progress=yes; fi
  elif [ "$took" -ge "$lived" ]; then
    progress=yes
  fi
  if [ "$progress" = yes ]; then vain=0 pause=$delay; fi
  why="$1 ended with $status after $took s$place"
  if [ "$vain" -ge "$tries" ]; then
    complain "$why; giving up after $tries restarts in a row without progress"
    exit "$status"
  elif [ -n "$restarts" ] && [ "$restart" -ge "$restarts" ]; then
    complain "$why; giving up after $restart restarts"
    exit "$status"
  fi
  restart=$((restart + 1)) vain=$((vain + 1))
  complain "$why; restart $restart in $pause s"
  sleep "$pause" &
  sleeping=$!
  if [ "$asked" = yes ]; then kill "$sleeping" 2>/dev/null || true; fi
  await "$sleeping" || true
  sleeping=
  if [ "$asked" = yes ]; then exit 75; fi
  pause=$((pause * 2 < longest ? pause * 2 : longest))
done
