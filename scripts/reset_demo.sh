#!/usr/bin/env bash
# Restores the seeded state of the demo, with times relative to now, whether the demo runs or not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/bootstrap.sh

[ -x .venv/bin/python ] || fail "There is no demo in this checkout yet: run scripts/setup_copa_demo.sh."
exec .venv/bin/python -m gateway demo --reset
