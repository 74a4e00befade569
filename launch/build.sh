#!/usr/bin/env bash
# Builds the full-speed programs into .build/release. Usage: launch/build.sh [--install] [options of swift build]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

install=no
if [ "${1:-}" = --install ]; then
  install=yes
  shift
fi
swift build -c release "$@"
if [ "$install" = yes ]; then launch/install.sh; fi
