#!/usr/bin/env bash
# Checks and tests everything on real stores; arguments go to pytest: scripts/test.sh -k seeds
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/bootstrap.sh
exec </dev/null

need_python
need_uv
need_packages requirements-dev.lock
need_servers
step "Building GraphiQL" scripts/build_console.sh
export PATH=$PWD/.venv/bin:$PATH
step "Lint" ruff check .
step "Format" ruff format --check .
step "Types" mypy .
step "Import direction" lint-imports
step "Dockerfile" hadolint Dockerfile
step "Tests" python -m pytest "$@"
printf 'All passed in %d s.\n' "$(total)"
