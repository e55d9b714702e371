#!/bin/sh
# Are the things here that pip cannot install? Argument: the Python that makes the environment.
#
# As root on Debian and its relatives what is missing is installed; elsewhere it is named and
# nothing is changed. Exit code 1: something is missing.
set -eu

missing=""
need() { # need COMMAND DEBIAN-PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need c++ g++
need cmake cmake
"$1" -c 'import ensurepip' 2>/dev/null ||
    missing="$missing python$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"

[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ]; then
    echo "Installing Debian packages:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086  # one word per package is what is wanted
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "slmcode needs these packages:$missing" >&2
    echo "On Debian or Ubuntu: sudo apt-get install$missing" >&2
    exit 1
fi
