#!/usr/bin/env bash
# Renews requirements/*.lock: every package with every hash, for CPython 3.12 to 3.14 on
# Linux x86-64. The dev lock holds the base lock's versions, so both install the same stack.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v uv >/dev/null 2>&1 || {
    echo "make lock: needs uv (a package of that name is on PyPI)" >&2
    exit 1
}
export UV_CUSTOM_COMPILE_COMMAND="make lock"
compile() {
    uv pip compile --quiet --generate-hashes --python-version 3.12 --universal "$@" >/dev/null
}

compile pyproject.toml --extra solver --extra mesh --extra ode -o requirements/base.lock
compile pyproject.toml --extra solver --extra mesh --extra ode --extra dev \
    -c requirements/base.lock -o requirements/dev.lock
echo hatchling | compile - -c requirements/dev.lock -o requirements/build.lock
