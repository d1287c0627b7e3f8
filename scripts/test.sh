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
need_chromium
step "Building GraphiQL" scripts/build_console.sh
export PATH=$PWD/.venv/bin:$PATH
step "Lint" ruff check .
step "Format" ruff format --check .
step "Types" mypy .
step "Import direction" lint-imports
step "Dockerfile" hadolint Dockerfile
step "Tests" python -m pytest "$@"
if (($# == 0)); then
  step "Tests on graphql-core's executor" env TEST_EXECUTOR=graphql-core python -m pytest -q \
    tests/api tests/unit/test_{batching,node,pagination,guard,errors,cache}.py --ignore tests/api/test_schemathesis.py
fi
printf 'All passed in %d s.\n' "$(total)"
