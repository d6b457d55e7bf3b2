#!/usr/bin/env bash
# Makes .venv from the hash lock and installs the project into it, editable. Called by `make env`.
#
# The default python3 of many machines is older than 3.12, and a version manager's shim can exist
# without running, so every candidate is tried before it is believed. Skipped when nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
lock=requirements/dev.lock

works() { # runs, is one of the versions that the lock has wheels for, and can make environments
    "$1" - >/dev/null 2>&1 <<'PY'
import sys, sysconfig, venv, ensurepip
sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 14) or bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
PY
}

has_headers() { # forms and kernels are compiled at run time
    "$1" -c 'import os, sys, sysconfig
sys.exit(not os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")))' >/dev/null 2>&1
}

find_python() {
    local candidate without_headers=""
    if [ -n "${PYTHON:-}" ]; then
        if works "$PYTHON"; then
            echo "$PYTHON"
            return 0
        fi
        echo "make env: PYTHON=$PYTHON is not a CPython 3.12 to 3.14 that runs and has venv; looking on" >&2
    fi
    local pyenv
    mapfile -t pyenv < <(compgen -G "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.1[2-9]*/bin/python" | sort -rV)
    for candidate in python3.13 python3.12 python3.14 python3 "${pyenv[@]}"; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        works "$candidate" || continue
        if has_headers "$candidate"; then
            echo "$candidate"
            return 0
        fi
        [ -n "$without_headers" ] || without_headers=$candidate
    done
    [ -n "$without_headers" ] && echo "$without_headers"
}

no_python() {
    cat >&2 <<'TEXT'
make env: no CPython 3.12, 3.13 or 3.14 with the venv module was found. One of these helps:
  Debian 13, Ubuntu 24.04 or newer:  apt-get install python3-venv python3-dev gcc
  uv (any Linux, no root):           install uv, then run make env again
  pyenv:                             pyenv install 3.13
  one that lies elsewhere:           make env PYTHON=/path/to/python3.13
TEXT
    exit 1
}

want_lock=$(sha256sum "$lock" | cut -d' ' -f1)
want_project=$(sha256sum pyproject.toml | cut -d' ' -f1)
have() { [ -f "$venv/.heart-$1" ] && [ "$(cat "$venv/.heart-$1")" = "$2" ] && works "$venv/bin/python"; }

if ! have lock "$want_lock"; then
    if python=$(find_python) && [ -n "$python" ]; then
        echo "make env: $("$python" --version) at $(command -v "$python") -> $venv"
        "$python" -m venv --clear "$venv"
    elif command -v uv >/dev/null 2>&1; then
        echo "make env: no suitable Python on this machine, asking uv for 3.13 -> $venv"
        uv venv --clear --seed --python 3.13 "$venv" || no_python
    else
        no_python
    fi
    # Compiling every module ahead costs half a minute; Python compiles what is imported anyway.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile \
        --require-hashes -r "$lock"
    echo "$want_lock" >"$venv/.heart-lock"
fi

if ! have project "$want_project"; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-index \
        --no-build-isolation --editable .
    echo "$want_project" >"$venv/.heart-project"
fi
