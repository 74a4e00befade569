#!/usr/bin/env bash
# Links phd-train and phd in .build/release into a folder on the PATH, so a later build needs no new installation. Also
# installs completions for bash, zsh and fish, and man pages if `launch/build.sh --install` has built them.
# Usage: launch/install.sh [FOLDER]; by default /usr/local/bin if it is writable (as root or with sudo), else
# ~/.local/bin.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for program in phd-train phd; do
  if [ ! -x ".build/release/$program" ]; then
    printf 'launch/install.sh: .build/release/%s does not exist; run launch/build.sh first\n' "$program" >&2
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
elif [ -n "${HOME:-}" ]; then
  folder=$HOME/.local/bin
else
  printf 'launch/install.sh: /usr/local/bin is not writable and HOME is not set; name a folder: launch/install.sh FOLDER\n' >&2
  exit 64
fi

"${as_root[@]}" mkdir -p "$folder"
for program in phd-train phd; do
  "${as_root[@]}" ln -sfn "$PWD/.build/release/$program" "$folder/$program"
done

# Completions and man pages go to PREFIX/share if the folder is PREFIX/bin; for other folders there is no standard
# place.
if [ "$(basename "$folder")" = bin ]; then
  share=$(dirname "$folder")/share
  written=$(mktemp)
  trap 'rm -f "$written"' EXIT
  for program in phd-train phd; do
    for shell in bash zsh fish; do
      case $shell in
        bash) place=bash-completion/completions/$program ;;
        zsh) place=zsh/site-functions/_$program ;;
        fish) place=fish/vendor_completions.d/$program.fish ;;
      esac
      if ".build/release/$program" --generate-completion-script "$shell" >"$written" 2>/dev/null; then
        "${as_root[@]}" install -D -m 644 "$written" "$share/$place"
      fi
    done
  done
  for page in .build/manual/*.1; do
    if [ -f "$page" ]; then "${as_root[@]}" install -D -m 644 "$page" "$share/man/man1/$(basename "$page")"; fi
  done
fi

case ":$PATH:" in
  *":$folder:"*) ;;
  *) printf 'launch/install.sh: phd-train and phd are in %s, which is not on your PATH\n' "$folder" >&2 ;;
esac
