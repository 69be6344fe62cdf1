#!/bin/sh
# Make .venv with exactly the packages of a lock file, and this project in it. Usage: scripts/setup.sh LOCK-FILE PYTHON
# Does nothing when that has been done; the stamp in .venv says for which lock files, project file and folder.
# With pip, which every Python brings and which reads the user's own configuration; scripts/lock.py says why not with uv.
set -eu
cd "$(dirname "$0")/.."
# pip would fail where the caller turns warnings into errors, and colours its errors where a terminal is forced.
unset PYTHONWARNINGS FORCE_COLOR
lock=$1
python=$2

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# On macOS one of Dagster's packages (watchdog) has no wheel for Python 3.14 yet.
suits() {
    "$1" -c 'import sys; newest = (3, 13 if sys.platform == "darwin" else 14)
sys.exit(not (3, 11) <= sys.version_info[:2] <= newest)' >/dev/null 2>&1
}

find_python() {
    if suits "$python"; then
        printf '%s' "$python"
        return
    fi
    if [ "$python" = python3 ]; then
        for candidate in python3.14 python3.13 python3.12 python3.11 python; do
            if suits "$candidate"; then
                printf '%s' "$candidate"
                return
            fi
        done
    fi
    found=$("$python" --version 2>&1) || found="not there"
    fail "MYI needs Python 3.11 to 3.14 (3.13 on macOS), and $python is $found: install one, or name it with make PYTHON=/path/to/python3.12"
}

stamp() {
    printf '%s %s\n' "$PWD" "$(cat requirements*.lock pyproject.toml | cksum)"
}

done_for() {
    [ -x .venv/bin/myi ] && [ "$(cat ".venv/.stamp-$1" 2>/dev/null)" = "$(stamp)" ] && suits .venv/bin/python
}

# The development lock file holds everything that the other one does.
done_for "$lock" || done_for requirements-dev.lock && exit 0

[ -w . ] || fail "$PWD is not writable for $(id -un): clone MYI into a folder of your own, or change the owner of this one"
chosen=$(find_python) || exit 1
log=$(mktemp "${TMPDIR:-/tmp}/myi-setup.XXXXXX") || fail "the temporary folder ${TMPDIR:-/tmp} is not writable"
trap 'rm -f "$log"' EXIT

if ! suits .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    "$chosen" -m venv --clear .venv >"$log" 2>&1 ||
        fail "$chosen cannot make a virtual environment (on Debian and Ubuntu: apt-get install python3-venv): $(tail -n 1 "$log")"
fi
printf '%s\n' "Installing the packages of $lock into .venv (once; one minute to four)…" >&2
rm -f .venv/.stamp-*
pip() {
    .venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet "$@" >"$log" 2>&1 ||
        fail "pip could not install the packages: $(grep -m 1 '^ERROR' "$log" || tail -n 1 "$log")"
}
pip --no-compile --require-hashes --no-deps --only-binary :all: -r "$lock"
pip --no-deps --no-build-isolation --editable .
# On all processors, where pip would use one. What a package brings for other versions of Python does not compile.
.venv/bin/python -m compileall -q -j 0 .venv/lib myi_pipelines >"$log" 2>&1 || true
stamp >".venv/.stamp-$lock"
