#!/usr/bin/env bash
# Checks that logs and checkpoints of a run are the same, bit for bit, on 1, 2, 3, 4, 6 and 8 ranks, with and without
# sharded optimizer state: for every pattern, both precisions, micro-batches of one and two sequences, with
# recomputation, and resumed on different numbers of ranks. Takes some minutes. Prints a table; exits with 1 if anything
# differs.
#
#   Benchmarks/bits.sh [CORPUS.h5]      default: a byte corpus built from the sources
set -euo pipefail
cd "$(dirname "$0")/.."
programs=$PWD/.build/release
corpus=${1:+$(realpath "$1")}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ -z "$corpus" ]; then
  corpus=$folder/corpus.h5
  "$programs/phd" corpus build Sources/*/*.swift --output "$corpus" --tokenizer bytes 2>/dev/null
fi
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
cat >"$folder/config.json" <<END
{
  "name": "run", "seed": 1,
  "model": {
    "vocab_size": 257, "hidden_size": 96, "intermediate_size": 256,
    "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2
  },
  "hidden_decoding": { "pattern": "cswa", "repeats": 2, "window": 16, "chunk": 32 },
  "data": { "train": "$corpus", "validation": { "v": "$corpus" }, "sequence_length": 96 },
  "training": { "steps": 12, "global_batch_size": 48, "micro_batch_size": 1, "threads": 1 },
  "optimizer": { "learning_rate": 0.01 },
  "schedule": { "kind": "cosine", "warmup_steps": 4 },
  "checkpoint": { "directory": "runs", "every_steps": 6 },
  "validation": { "every_steps": 4, "sequences": 11 }
}
END

# train FOLDER RANKS STOP SETTING…: trains in a separate folder, so all configurations are equal. STOP: a step, or 0.
train() {
  local place=$folder/$1 ranks=$2 options=()
  [ "$3" = 0 ] || options+=(--stop-after "$3")
  shift 3
  for setting in "$@"; do options+=(--set "$setting"); done
  mkdir -p "$place"
  (cd "$place" && mpirun --quiet -n "$ranks" "$programs/phd-train" ../config.json "${options[@]}" >out.txt 2>&1) ||
    { cat "$place/out.txt"; exit 1; }
}

records() {
  jq -c 'select(.event == "step" or .event == "validation") | del(.seconds, .tokens_per_second)' \
    "$folder/$1/runs/run/log.jsonl"
}

# same ONE OTHER FILES: compares the logs without their times, and the last checkpoints: every byte if FILES is `whole`,
# else only the weights, because a setting stored in the checkpoint may differ.
same() {
  cmp -s <(records "$1") <(records "$2") || return 1
  local last=runs/run/step-00000012.h5
  if [ "$3" = whole ]; then
    cmp -s "$folder/$1/$last" "$folder/$2/$last"
    return
  fi
  for run in "$1" "$2"; do
    [ -d "$folder/$run/model" ] || "$programs/phd" checkpoint export "$folder/$run/$last" --to "$folder/$run/model" \
      >/dev/null 2>&1
  done
  cmp -s "$folder/$1/model/model.safetensors" "$folder/$2/model/model.safetensors"
}

failed=0
verdict() { if same "$@"; then printf ' same |'; else printf ' DIFFERS |'; failed=1; fi; }

echo "| run | ranks: 1 | 2 | 3 | 4 | 6 | 8 | sharded: 1 | 2 | 3 | 4 | 6 | 8 | resumed on 4, 2, 8, 1 |"
echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
number=0
for pattern in null '{"pattern":"phd","repeats":2}' '{"pattern":"swa","repeats":2,"window":16}' \
  '{"pattern":"cswa","repeats":3,"window":16,"chunk":32}' '{"pattern":"naive","repeats":2}'; do
  for precision in fp32 bf16; do
    for micro in 1 2; do
      number=$((number + 1))
      # Every second row recomputes; its weights are compared with those of a run without recomputation.
      recompute=none
      if [ $((number % 2)) = 0 ]; then recompute=block; fi
      settings=("hidden_decoding=$pattern" "training.precision=$precision" "training.micro_batch_size=$micro")
      name=$(jq -rn --argjson p "$pattern" '$p.pattern // "vanilla"')
      printf '| %s, %s, micro-batch %s, recompute %s |' "$name" "$precision" "$micro" "$recompute"
      train "$number-plain" 1 0 "${settings[@]}"
      settings+=("training.recompute=$recompute")
      for sharded in false true; do
        for ranks in 1 2 3 4 6 8; do
          run=$number-$ranks-$sharded
          train "$run" "$ranks" 0 "${settings[@]}" "optimizer.sharded=$sharded"
          if [ "$ranks" = 1 ]; then
            verdict "$run" "$number-plain" weights
          else
            verdict "$run" "$number-1-$sharded" whole
          fi
        done
      done
      settings+=("optimizer.sharded=true")
      train "$number-elastic" 4 2 "${settings[@]}"
      train "$number-elastic" 2 5 "${settings[@]}"
      train "$number-elastic" 8 9 "${settings[@]}"
      train "$number-elastic" 1 0 "${settings[@]}"
      verdict "$number-elastic" "$number-1-true" whole
      echo
    done
  done
done
exit $failed
