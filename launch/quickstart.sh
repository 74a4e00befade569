#!/usr/bin/env bash
# Installs missing packages, builds the programs, makes a corpus of English text, trains configs/phd-cswa.json on two
# ranks for about two minutes, and shows the losses. Usage: launch/quickstart.sh
# A second call continues where the first stopped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '== %s\n' "$*"; }

step "packages"
launch/setup.sh
step "build"
launch/build.sh --install
phd=.build/release/phd

if [ ! -f corpora/train.h5 ] || [ ! -f corpora/valid.h5 ]; then
  step "corpus"
  mkdir -p corpora
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  launch/sample-text.sh >"$work/all.txt"
  # The last twentieth of the documents is for validation.
  awk -v train="$work/train.txt" -v valid="$work/valid.txt" '
    FNR == 1 { pass++ }
    pass == 1 { if ($0 == "<|endoftext|>") separators++; next }
    { part = seen < separators * 0.95 ? train : valid }
    # Drop the separator between the two parts: it would create an empty document.
    $0 == "<|endoftext|>" { seen++; if (part == train && seen >= separators * 0.95) next }
    { print > part }
  ' "$work/all.txt" "$work/all.txt"
  for part in train valid; do
    "$phd" corpus build "$work/$part.txt" --output "corpora/$part.h5" --tokenizer bytes \
      --document-separator '<|endoftext|>'
  done
fi

step "training: two ranks, about two minutes; Ctrl-C saves and stops"
status=0
launch/local.sh 2 configs/phd-cswa.json || status=$?
if [ "$status" -ne 0 ] && [ "$status" -ne 75 ]; then exit "$status"; fi

step "losses"
"$phd" log show checkpoints/phd-cswa
exit "$status"
