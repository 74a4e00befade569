#!/usr/bin/env bash
# Puts phd-train and phd on the PATH, as links to .build/release: a later build needs no other installation.
# Usage: launch/install.sh [FOLDER], by default /usr/local/bin where that can be written, as root or with sudo, else
# ~/.local/bin.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for program in phd-train phd; do
  if [ ! -x ".build/release/$program" ]; then
    printf 'launch/install.sh: there is no .build/release/%s; run launch/build.sh first\n' "$program" >&2
    exit 66
  fi
done

as_root=()
if [ $# -gt 0 ]; then
  folder=$1
elif [ -w /usr/local/bin ]; then
  folder=/usr/local/bin
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  folder=/usr/local/bin
  as_root=(sudo)
else
  folder=$HOME/.local/bin
fi

"${as_root[@]}" mkdir -p "$folder"
for program in phd-train phd; do
  "${as_root[@]}" ln -sfn "$PWD/.build/release/$program" "$folder/$program"
done
case ":$PATH:" in
  *":$folder:"*) ;;
  *) printf 'launch/install.sh: phd-train and phd are in %s, which is not on your PATH\n' "$folder" >&2 ;;
esac
