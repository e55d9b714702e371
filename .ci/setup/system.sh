#!/bin/sh
# Are the things here that pip cannot install? Argument: the Python that makes the environment.
#
# As root on Debian and its relatives what is missing is installed; elsewhere it is named and
# nothing is changed. Exit code 1: something is missing that slmcode cannot do without.
set -eu

missing=""
optional=""
need() { # need COMMAND DEBIAN-PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need c++ g++
need cmake cmake
"$1" -c 'import ensurepip' 2>/dev/null ||
    missing="$missing python$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"

# Project code runs without it too, behind weaker barriers. Linux alone has it.
[ "$(uname -s)" != Linux ] || command -v bwrap >/dev/null 2>&1 || optional=" bubblewrap"

[ -n "$missing$optional" ] || exit 0
if [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ]; then
    echo "Installing Debian packages:$missing$optional"
    apt-get update -qq
    # shellcheck disable=SC2086  # one word per package is what is wanted
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing$optional >/dev/null
    exit 0
fi
if [ -n "$optional" ]; then
    echo "slmcode runs tests behind better barriers with:$optional" >&2
    echo "On Debian or Ubuntu: sudo apt-get install$optional" >&2
fi
if [ -n "$missing" ]; then
    echo "slmcode needs these packages:$missing" >&2
    echo "On Debian or Ubuntu: sudo apt-get install$missing" >&2
    exit 1
fi
