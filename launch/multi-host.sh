#!/usr/bin/env bash
# Trains on several hosts.
# Usage: launch/multi-host.sh [--answering] HOSTFILE RANKS_PER_HOST CONFIG.json [options of phd-train]
#
#   launch/multi-host.sh launch/hostfile.example 2 configs/phd-cswa.json
#   launch/keep-running.sh launch/multi-host.sh --answering launch/hostfile.example 2 configs/phd-cswa.json
#
# Requirements: this host is one of the hosts, and has ssh without a password to each; the checkout, its build, the
# corpora and the checkpoints have the same paths on all (a shared file system). Signals are handled as by
# launch/local.sh. If a host becomes unreachable, the job ends within half a minute.
# --answering: use the hosts in the file that answer ssh now, the largest number that divides the run's micro-batches.
# PHD_NETWORK: the network to use if hosts have more than one; see below.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")

answering=no
if [ "${1:-}" = --answering ]; then
  answering=yes
  shift
fi
if [ $# -lt 3 ] || ! [[ $2 =~ ^[1-9][0-9]*$ ]]; then
  printf 'usage: launch/multi-host.sh [--answering] HOSTFILE RANKS_PER_HOST CONFIG.json [options of phd-train]\n' >&2
  exit 64
fi
hostfile=$1
ranks_per_host=$2
shift 2
if [ ! -r "$hostfile" ]; then
  printf 'launch/multi-host.sh: cannot read the hostfile %s; see launch/hostfile.example\n' "$hostfile" >&2
  exit 66
fi

if grep -q $'\r' "$hostfile"; then
  printf 'launch/multi-host.sh: %s has Windows line ends (CR LF), which mpirun treats as part of the host names; remove them: %s\n' \
    "$hostfile" "sed -i 's/\\r\$//' $hostfile" >&2
  exit 64
fi

program=${PHD_TRAIN:-$("$here/find-program.sh" phd-train)}

# answers HOST: whether mpirun could start a process there. This host itself needs no ssh.
answers() {
  local agent
  case " localhost 127.0.0.1 $(hostname) $(hostname -s) $(hostname -I) " in *" $1 "*) return 0 ;; esac
  read -r -a agent <<<"${OMPI_MCA_plm_rsh_agent:-ssh}"
  "${agent[@]}" -o BatchMode=yes -o ConnectTimeout=5 "$1" true </dev/null >/dev/null 2>&1
}

# hosts_to_use CONFIG…: the hosts that answer, in the file's order, in the format of `mpirun --host`; the largest number
# of them whose ranks divide the number of micro-batches, as the trainer requires.
hosts_to_use() {
  local hosts=() asked=() found=() batches host n list=''
  while read -r host _; do
    case $host in '' | '#'*) continue ;; esac
    hosts+=("$host")
    answers "$host" &
    asked+=($!)
  done <"$hostfile"
  for n in "${!hosts[@]}"; do
    if wait "${asked[n]}"; then
      found+=("${hosts[n]}")
    else
      printf 'launch/multi-host.sh: %s does not answer; continuing without it\n' "${hosts[n]}" >&2
    fi
  done
  if [ ${#found[@]} -eq 0 ]; then
    printf 'launch/multi-host.sh: no host of %s answers\n' "$hostfile" >&2
    return 69
  fi
  batches=$("$program" "$@" --dry-run | awk '
    /^    "global_batch_size": / { global = $2 + 0 }
    /^    "micro_batch_size": / { micro = $2 + 0 }
    END { if (micro > 0) print global / micro }') || return
  # If no number of hosts fits, the trainer prints the error.
  for ((n = ${#found[@]}; n > 1 && batches % (n * ranks_per_host) != 0; n--)); do :; done
  for host in "${found[@]:0:n}"; do list+=${list:+,}$host:$ranks_per_host; done
  printf '%s\n' "$list"
}

# Not --quiet: only mpirun reports why hosts cannot work together.
options=(--map-by "ppr:$ranks_per_host:node" --bind-to none)
if [ "$answering" = yes ]; then
  hosts=$(hosts_to_use "$@")
  # The hosts may change from start to start.
  printf 'launch/multi-host.sh: using %s\n' "$hosts" >&2
  options+=(--host "$hosts")
else
  options+=(--hostfile "$hostfile")
fi
if [ "$(id -u)" -eq 0 ]; then options+=(--allow-run-as-root); fi
# The network for the ranks' messages, an interface or a subnet, for example PHD_NETWORK=10.0.0.0/24.
if [ -n "${PHD_NETWORK:-}" ]; then
  options+=(--mca btl_tcp_if_include "$PHD_NETWORK" --mca oob_tcp_if_include "$PHD_NETWORK")
fi
# Probe a host that is silent for 10 s four times, every 5 s. Open MPI's defaults are 300 s, nine times, every 20 s.
export OMPI_MCA_oob_tcp_keepalive_time=${OMPI_MCA_oob_tcp_keepalive_time:-10}
export OMPI_MCA_oob_tcp_keepalive_intvl=${OMPI_MCA_oob_tcp_keepalive_intvl:-5}
export OMPI_MCA_oob_tcp_keepalive_probes=${OMPI_MCA_oob_tcp_keepalive_probes:-4}

exec "$here/with-signals.sh" mpirun "${options[@]}" --wdir "$PWD" "$program" "$@"
