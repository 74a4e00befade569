#!/usr/bin/env bash
# Trains on several hosts. Usage: launch/multi-host.sh HOSTFILE RANKS_PER_HOST CONFIG.json [options of phd-train]
#
#   launch/multi-host.sh launch/hostfile.example 2 configs/phd-cswa.json
#
# Wanted: ssh without a password from this host to each; the checkout, its build, the corpora and the checkpoints under
# the same paths on all (a shared file system); the same processor type, as the programs are built for the one they were
# built on. Signals as in launch/local.sh. Change below: the network, where hosts have more than one.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")

if [ $# -lt 3 ] || ! [[ $2 =~ ^[1-9][0-9]*$ ]]; then
  printf 'usage: launch/multi-host.sh HOSTFILE RANKS_PER_HOST CONFIG.json [options of phd-train]\n' >&2
  exit 64
fi
hostfile=$1
ranks_per_host=$2
shift 2
if [ ! -r "$hostfile" ]; then
  printf 'launch/multi-host.sh: there is no hostfile %s; see launch/hostfile.example\n' "$hostfile" >&2
  exit 66
fi

program=${PHD_TRAIN:-$("$here/find-program.sh" phd-train)}

# Not --quiet: what keeps hosts from working together, mpirun alone knows.
options=(--hostfile "$hostfile" --map-by "ppr:$ranks_per_host:node" --bind-to none)
if [ "$(id -u)" -eq 0 ]; then options+=(--allow-run-as-root); fi
# The network that the ranks talk over, by interface or by subnet; PHD_NETWORK=10.0.0.0/24, say.
if [ -n "${PHD_NETWORK:-}" ]; then
  options+=(--mca btl_tcp_if_include "$PHD_NETWORK" --mca oob_tcp_if_include "$PHD_NETWORK")
fi

exec "$here/with-signals.sh" mpirun "${options[@]}" --wdir "$PWD" "$program" "$@"
