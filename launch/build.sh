#!/usr/bin/env bash
# Builds the optimized programs into .build/release. With --install, also builds the man pages and installs programs,
# man pages and shell completions. Usage: launch/build.sh [--install] [options of swift build]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

install=no
if [ "${1:-}" = --install ]; then
  install=yes
  shift
fi
swift build -c release "$@"
if [ "$install" = yes ]; then
  swift build -c release --product generate-manual
  mkdir -p .build/manual
  for program in phd-train phd; do
    .build/release/generate-manual ".build/release/$program" --output-directory .build/manual
  done
  launch/install.sh
fi
