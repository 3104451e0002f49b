#!/usr/bin/env bash
# Builds the wheel, installs it into .venv, and checks it there: lints, types, the stub against the module, all tests.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --requirement python/requirements-test.txt
rm -rf dist
.venv/bin/maturin build --release --locked --quiet --out dist
.venv/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps dist/spanwise-*.whl

.venv/bin/ruff format --check python examples benches/python
.venv/bin/ruff check python examples benches/python
.venv/bin/mypy
# From elsewhere, so that the installed package is meant and not the folder.
repository=$PWD
(cd dist && ../.venv/bin/python -m mypy.stubtest spanwise._spanwise)
(cd dist && ../.venv/bin/python -m pytest --quiet --config-file "$repository/pyproject.toml" "$repository/python/tests")
