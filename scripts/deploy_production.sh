#!/usr/bin/env bash
# Deploys the product in seven steps: validate, migrate, initialise, seed, health, rollout, verify. Repeatable.
#   scripts/deploy_production.sh                  to processes of this machine
#   scripts/deploy_production.sh --kubernetes     to the cluster of kubectl's context
#   scripts/deploy_production.sh --dry-run        changes nothing, and prints what would happen
#   scripts/deploy_production.sh --from rollout   begins with a step
# Settings come from the environment and from the file that ENV_FILE names, by default .env where there is one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/bootstrap.sh

need_python
need_uv
need_packages requirements.lock requirements-demo.lock requirements-dev.lock
if [ -z "${ENV_FILE:-}" ] && [ -e .env ]; then
  export ENV_FILE=.env
fi
exec .venv/bin/python -m gateway deploy "$@"
