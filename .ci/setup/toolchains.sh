#!/bin/sh
# The compilers by which translations are proved, from Debian. Quick when all is there.
#
# As root on Debian and its relatives what is missing is installed; elsewhere it is named, nothing
# is changed, and the exit code is 0: the tests that need it are skipped then, or fail where CI is
# set. Rust and Python 2.7 are used where they are present; nothing is installed for them.
set -eu

missing=""
need() { # need COMMAND DEBIAN-PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need cobc gnucobol3
need gcc gcc
need gfortran gfortran
need fpc fp-compiler
need perl perl
need javac default-jdk-headless
need go golang-go

for command in rustc python2.7; do
    command -v "$command" >/dev/null 2>&1 ||
        echo "$command is not there: translations from or to its language are not proved" >&2
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Debian packages:$missing"
    # shellcheck disable=SC2086  # one word per package is what is wanted
    if apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
        exit 0
    fi
    echo "They cannot be had." >&2
fi
echo "Without these translations are not proved:$missing" >&2
echo "On Debian or Ubuntu: sudo apt-get install$missing" >&2
