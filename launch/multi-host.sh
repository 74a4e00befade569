#!/usr/bin/env bash
# Trains on several hosts.
# Usage: launch/multi-host.sh [--answering] HOSTFILE RANKS_PER_HOST CONFIG.json [options of phd-train]
#
#   launch/multi-host.sh launch/hostfile.example 2 configs/phd-cswa.json
#   launch/keep-running.sh launch/multi-host.sh --answering launch/hostfile.example 2 configs/phd-cswa.json
#
# Wanted: ssh without a password from this host, one of them, to each; the checkout, its build, the corpora and the
# checkpoints under the same paths on all (a shared file system); the same processor type, as the programs are built for
# the one they were built on. Signals as in launch/local.sh. A host that vanishes ends the job within half a minute.
# --answering: on the hosts of the file that answer ssh now, as many of them as can share the run's micro-batches.
# Change below: the network, where hosts have more than one.
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
  printf 'launch/multi-host.sh: there is no hostfile %s; see launch/hostfile.example\n' "$hostfile" >&2
  exit 66
fi

if grep -q $'\r' "$hostfile"; then
  printf 'launch/multi-host.sh: %s has Windows line ends (CR LF), which mpirun reads as part of the names; remove them: %s\n' \
    "$hostfile" "sed -i 's/\\r\$//' $hostfile" >&2
  exit 64
fi

program=${PHD_TRAIN:-$("$here/find-program.sh" phd-train)}

# answers HOST: whether mpirun could start something there; this host needs no ssh.
answers() {
  local agent
  case " localhost 127.0.0.1 $(hostname) $(hostname -s) $(hostname -I) " in *" $1 "*) return 0 ;; esac
  read -r -a agent <<<"${OMPI_MCA_plm_rsh_agent:-ssh}"
  "${agent[@]}" -o BatchMode=yes -o ConnectTimeout=5 "$1" true </dev/null >/dev/null 2>&1
}

# hosts_to_use CONFIG…: the hosts that answer, in the file's order, as `mpirun --host` takes them; of these so many that
# their ranks divide the number of micro-batches, which the trainer would otherwise refuse.
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
      printf 'launch/multi-host.sh: %s does not answer; going on without it\n' "${hosts[n]}" >&2
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
  # Where none fits, the trainer says so better.
  for ((n = ${#found[@]}; n > 1 && batches % (n * ranks_per_host) != 0; n--)); do :; done
  for host in "${found[@]:0:n}"; do list+=${list:+,}$host:$ranks_per_host; done
  printf '%s\n' "$list"
}

# Not --quiet: what keeps hosts from working together, mpirun alone knows.
options=(--map-by "ppr:$ranks_per_host:node" --bind-to none)
if [ "$answering" = yes ]; then
  hosts=$(hosts_to_use "$@")
  # Which they are, as it may change from start to start.
  printf 'launch/multi-host.sh: on %s\n' "$hosts" >&2
  options+=(--host "$hosts")
else
  options+=(--hostfile "$hostfile")
fi
if [ "$(id -u)" -eq 0 ]; then options+=(--allow-run-as-root); fi
# The network that the ranks talk over, by interface or by subnet; PHD_NETWORK=10.0.0.0/24, say.
if [ -n "${PHD_NETWORK:-}" ]; then
  options+=(--mca btl_tcp_if_include "$PHD_NETWORK" --mca oob_tcp_if_include "$PHD_NETWORK")
fi
# A host that is silent for 10 s is asked four times, every 5 s. Open MPI's numbers are 300 s, nine times, every 20 s.
export OMPI_MCA_oob_tcp_keepalive_time=${OMPI_MCA_oob_tcp_keepalive_time:-10}
export OMPI_MCA_oob_tcp_keepalive_intvl=${OMPI_MCA_oob_tcp_keepalive_intvl:-5}
export OMPI_MCA_oob_tcp_keepalive_probes=${OMPI_MCA_oob_tcp_keepalive_probes:-4}

exec "$here/with-signals.sh" mpirun "${options[@]}" --wdir "$PWD" "$program" "$@"
