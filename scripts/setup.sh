# shellcheck shell=bash disable=SC2034 # (the variables are for those who source this)
# Sourced by scripts/run, test, package and install: installs what is missing on Debian 12/13 or Raspberry Pi OS, says what it is
# doing and how long it took, and does nothing at all the second time.

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv="$here/.venv"

say() { printf 'lull: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# apt lets a Ctrl-C pass and completes its work; without this the script would go on too, and begin to play.
trap 'say "ended by Ctrl-C; run it again to go on"; exit 130' INT

can_be_root() { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1; }

# Not with fail: within a step nobody would see its reason.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; return; fi
    can_be_root || { say "this needs root: install sudo, or run as root: $*"; return 1; }
    sudo -- "$@"
}

# step TEXT COMMAND...: runs it quietly; its output is shown only when it fails.
step() {
    local text=$1 log began=$SECONDS
    shift
    log=$(mktemp)
    printf 'lull: %s ... ' "$text" >&2
    if "$@" >"$log" 2>&1 </dev/null; then
        printf 'done in %d s\n' "$((SECONDS - began))" >&2
        rm -f -- "$log"
    else
        printf 'failed after %d s\n' "$((SECONDS - began))" >&2
        cat -- "$log" >&2
        rm -f -- "$log"
        fail "$text failed; the lines above say why"
    fi
}

is_installed() { dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

# need_packages PACKAGE...: installs those that are missing; "a|b" means either (names differ between releases).
need_packages() {
    local missing=() wanted choice found
    command -v dpkg-query >/dev/null 2>&1 || fail "this is not Debian or Raspberry Pi OS; install by hand: $*"
    for wanted in "$@"; do
        found=
        for choice in ${wanted//|/ }; do
            if is_installed "$choice"; then found=1; break; fi
        done
        [ -n "$found" ] || missing+=("$wanted")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    can_be_root || fail "these packages are missing; install them as root, or install sudo first:" \
        "$(sed 's/|/ or /g' <<<"${missing[*]}")"
    step "reading the package lists" as_root apt-get update -q
    local names=()
    for wanted in "${missing[@]}"; do
        found=
        for choice in ${wanted//|/ }; do
            # no pipe into grep -q here: it closes early, and under pipefail that looks like "not found"
            if apt-cache show --no-all-versions "$choice" >/dev/null 2>&1; then found=$choice; break; fi
        done
        [ -n "$found" ] || fail "no package ${wanted//|/ or } in the package lists"
        names+=("$found")
    done
    step "installing ${names[*]} (a few minutes on a Raspberry Pi)" \
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${names[@]}"
}

# libVLC, its list of plugins (by libvlc-bin: without the list each start looks into all 400 of them, which takes ten times
# as long) and its codecs, the loudness meter, ALSA with aplay, a broker for the first night; and what pip needs to build the
# ALSA and systemd bindings, for which no wheels are published.
run_packages=(
    libvlc5 libvlc-bin vlc-plugin-base libebur128-1 "libasound2t64|libasound2" libasound2-plugins alsa-utils mosquitto
    tzdata ca-certificates python3 python3-venv python3-dev gcc pkg-config libasound2-dev libsystemd-dev
)

pick_python() {
    local choice
    for choice in ${LULL_PYTHON:-} /usr/bin/python3 python3; do
        if "$choice" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s' "$choice"
            return
        fi
    done
    fail "no Python 3.11 or newer with venv was found; Debian 12 and Raspberry Pi OS bookworm have one"
}

# is_without_wheels PYTHON: PyPI has no numpy ready for this architecture, armhf for one, so pip may have to build it.
# Debian's own serves there, but only Debian's Python can use it.
is_without_wheels() {
    case "$(dpkg --print-architecture)" in amd64 | arm64) return 1 ;; esac
    [ "$(readlink -f -- "$(command -v -- "$1")")" = "$(readlink -f /usr/bin/python3)" ]
}

version_of() { "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null || true; }

# need_venv EXTRA: a venv inside the checkout with the project; made anew only when pyproject.toml, the kernel or Python changed.
need_venv() {
    local extra=$1 python stamp wanted shared=()
    python=$(pick_python) || exit 1
    if is_without_wheels "$python"; then
        need_packages python3-numpy python3-yaml
        [ "$extra" = run ] || need_packages python3-matplotlib
        shared=(--system-site-packages)
    fi
    stamp="$venv/.lull-$extra"
    wanted="$(version_of "$python") $(cat "$here/pyproject.toml" "$here/setup.py" "$here"/player/audio/dsp/*.c | cksum) $here"
    if [ -f "$stamp" ] && [ "$(cat -- "$stamp")" = "$wanted" ]; then return 0; fi
    if [ "$(version_of "$venv/bin/python")" != "$(version_of "$python")" ]; then
        rm -rf -- "$venv"
        step "making a virtual environment in .venv" "$python" -m venv "${shared[@]}" "$venv"
    fi
    step "installing the project and its libraries (some minutes on a Raspberry Pi)" \
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable "${here}[$extra]"
    printf '%s' "$wanted" >"$stamp"
}
