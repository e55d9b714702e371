#!/usr/bin/env bash
# package.sh OUT: the VS Code extension and the Neovim plugin, as users install them.
#
#   OUT/slmcode-<version>.vsix      code --install-extension; holds the server's wheel and lock files
#   OUT/nvim/                       a folder for Neovim's packages
#   OUT/slmcode-{python,npm}.cdx.json   what they are made of (CycloneDX)
#
# Node and npm come from PATH, Python from the project's environment (.venv). The same sources give
# the same bytes, whatever the folder, the day, the time zone and the umask.
set -euo pipefail
umask 022
export SOURCE_DATE_EPOCH=1580601600 # 2020-02-02, as hatchling has it: zip knows nothing before 1980
export TZ=UTC LC_ALL=C
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
limit=1000000 # bytes of the vsix

server=editors/vscode/server
mkdir -p "$server"
rm -f "$server"/*
"$python" -m pip wheel --disable-pip-version-check -qq --no-deps --no-build-isolation --no-index \
    --wheel-dir "$server" .
"$python" editors/pack_wheel.py "$server"
"$python" editors/runtime_lock.py "$server"
cp .ci/setup/native_wheel.py .ci/setup/llama.cmake "$server/"

cd editors/vscode
# npm writes this file last: as old as the lock file or older, something is missing.
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent
npm run --silent build
version=$(node -p 'require("./package.json").version')
vsix=$out/slmcode-$version.vsix
node_modules/.bin/vsce package --no-dependencies --allow-missing-repository \
    --out "$vsix" >/dev/null
"$python" ../repack.py "$vsix"
size=$(wc -c <"$vsix")
echo "$vsix: $((size / 1000)) kB"
[ "$size" -le "$limit" ] || { echo "larger than $((limit / 1000)) kB" >&2; exit 1; }

npm sbom --silent --sbom-format=cyclonedx --package-lock-only --omit=dev >"$out/npm.json"
cd ../..
"$python" editors/sbom.py "$server" "$out/npm.json" "$out"
rm "$out/npm.json"
echo "$out/slmcode-python.cdx.json, slmcode-npm.cdx.json"

rm -rf "$out/nvim"
cp -R editors/nvim "$out/nvim"
echo "$out/nvim"
