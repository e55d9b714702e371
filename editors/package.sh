#!/usr/bin/env bash
# package.sh OUT: the VS Code extension and the Neovim plugin, as users install them.
#
#   OUT/slmcode-<version>.vsix   code --install-extension; holds the server's wheel and its lock file
#   OUT/nvim/                    a folder for Neovim's packages
#
# Node and npm come from PATH, Python from the project's environment (.venv).
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
limit=1000000 # bytes of the vsix

mkdir -p editors/vscode/server
rm -f editors/vscode/server/*
"$python" -m pip wheel --disable-pip-version-check -qq --no-deps --no-build-isolation --no-index \
    --wheel-dir editors/vscode/server .
"$python" editors/runtime_lock.py editors/vscode/server
cp .ci/setup/native_wheel.py .ci/setup/llama.cmake editors/vscode/server/

cd editors/vscode
# npm writes this file last: as old as the lock file or older, something is missing.
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent
npm run --silent build
version=$(node -p 'require("./package.json").version')
vsix=$out/slmcode-$version.vsix
node_modules/.bin/vsce package --no-dependencies --allow-missing-repository \
    --out "$vsix" >/dev/null
size=$(wc -c <"$vsix")
echo "$vsix: $((size / 1000)) kB"
[ "$size" -le "$limit" ] || { echo "larger than $((limit / 1000)) kB" >&2; exit 1; }

rm -rf "$out/nvim"
cp -R ../nvim "$out/nvim"
echo "$out/nvim"
