#!/usr/bin/env bash
# ESLint and tsc over the VS Code extension, luacheck over the Neovim plugin.
# luacheck is no package of PyPI or npm: where it is missing that is said, and is a failure in CI.
set -euo pipefail
cd "$(dirname "$0")"
export PATH="$PWD/../.venv/editors/node/bin:$PATH" npm_config_update_notifier=false

cd vscode
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --silent --no-fund --no-audit
fi
npm run --silent lint

cd ../nvim
if command -v luacheck >/dev/null; then
    luacheck --quiet .
elif [ -n "${CI:-}" ]; then
    echo "luacheck is missing: apt-get install lua-check" >&2
    exit 1
else
    echo "luacheck is not here: the Neovim plugin was not checked (apt-get install lua-check)"
fi
