#!/usr/bin/env bash
# Installs everything the demo needs inside this checkout and runs it: PORT=8000 scripts/setup_copa_demo.sh
# --check runs a few queries against the demo, prints the responses and stops. Ctrl-C stops everything.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/bootstrap.sh

need_python
need_uv
need_packages requirements-demo.lock requirements-dev.lock
need_servers
step "Building GraphiQL" scripts/build_console.sh
printf 'Everything is installed after %d s.\n' "$(total)"
exec .venv/bin/python -m gateway demo "$@"
