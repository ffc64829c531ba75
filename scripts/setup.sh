#!/usr/bin/env bash
# Sets up what the Makefile's targets need: a virtual environment with pinned dependencies, and bubblewrap.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}

say() { printf '\033[1m%s\033[0m\n' "$*"; }
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo "$@"
    else return 1; fi
}
apt_install() {
    command -v apt-get >/dev/null || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

"$PYTHON" - <<'PY' || { echo "Python 3.11 or newer is needed. Next: make setup PYTHON=python3.11" >&2; exit 2; }
import sys
sys.exit(sys.version_info < (3, 11))
PY

if [ "$(uname)" = Linux ]; then
    if ! command -v bwrap >/dev/null; then
        say "Installing bubblewrap (the sandbox in which student code runs)"
        apt_install bubblewrap ||
            echo "bubblewrap is missing and may not be installed from here. Next: sudo apt-get install bubblewrap" >&2
    fi
    if ! ldconfig -p 2>/dev/null | grep -q libseccomp.so.2 && ! /sbin/ldconfig -p 2>/dev/null | grep -q libseccomp.so.2; then
        apt_install libseccomp2 ||
            echo "libseccomp is missing and may not be installed from here. Next: sudo apt-get install libseccomp2" >&2
    fi
fi

if [ ! -x "$VENV/bin/python" ]; then
    say "Creating $VENV"
    if ! "$PYTHON" -m venv "$VENV" 2>/dev/null; then
        rm -rf "$VENV"
        apt_install python3-venv || { echo "Next: sudo apt-get install python3-venv" >&2; exit 2; }
        "$PYTHON" -m venv "$VENV"
    fi
fi
say "Installing pinned dependencies"
# The build backend first, so that the package itself builds without a download of its own.
# shellcheck disable=SC2086
"$VENV/bin/python" -m pip install --disable-pip-version-check -q ${PIP_FLAGS:-} -c constraints.txt hatchling editables
# shellcheck disable=SC2086
"$VENV/bin/python" -m pip install --disable-pip-version-check -q ${PIP_FLAGS:-} -c constraints.txt \
    --no-build-isolation -e '.[dev]'
say "Ready: $("$VENV/bin/python" --version), $VENV"
