#!/usr/bin/env bash
# Checks and tests everything on real stores. What it runs with:
#   scripts/test.sh               lint, types, import direction, all tests, and the API's again on graphql-core's executor
#   scripts/test.sh --fast        the same checks, and the tests that need no store; about a minute
#   scripts/test.sh -k seeds      the same checks, then pytest with these arguments, in one process
# WORKERS says how many processes share the tests; they mostly wait for stores, so two a core if absent.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/bootstrap.sh
exec </dev/null

STORELESS=(tests/unit tests/guards tests/deploy tests/execution tests/benchmarks tests/ingestion -m "not stores")
# What an executor can change: the API, and what the schema's runtime does around an execution.
EXECUTED=(tests/api tests/unit/test_{batching,node,pagination,permissions,errors,documents}.py)
WORKERS=${WORKERS:-$((2 * $(getconf _NPROCESSORS_ONLN)))}

need_python
need_uv
need_packages requirements-dev.lock
need_promtool
if [ "${1:-}" != --fast ]; then
  need_servers
  need_chromium
  need_protocol_suites
  step "Building GraphiQL" scripts/build_console.sh
fi
export PATH=$PWD/.venv/bin:$PATH

# in_parallel ARGUMENTS...: pytest with its files spread over the workers, in the order of tests/conftest.py.
in_parallel() {
  python -m pytest -q -n "$WORKERS" --dist loadfile --no-loadscope-reorder "$@"
}

step "Lint" ruff check .
step "Format" ruff format --check .
step "Types" mypy .
step "Import direction" lint-imports
step "Dockerfile" hadolint Dockerfile
step "Schema lint" scripts/lint_schema.sh
if [ "${1:-}" = --fast ]; then
  step "Tests that need no store" in_parallel "${STORELESS[@]}"
  printf 'Left out: the tests that need PostgreSQL, Neo4j, Redis, Kafka or Chromium, and the second executor.\n'
elif (($# > 0)); then
  step "Tests" python -m pytest "$@"
else
  step "Tests" in_parallel
  export TEST_EXECUTOR=graphql-core
  step "Tests on graphql-core's executor" in_parallel "${EXECUTED[@]}" --ignore tests/api/test_schemathesis.py
fi
printf 'All passed in %d s.\n' "$(total)"
