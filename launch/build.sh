#!/usr/bin/env bash
# Builds the full-speed programs into .build/release; with --install also their man pages, and puts all where shells and
# man look. Usage: launch/build.sh [--install] [options of swift build]
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
