#!/usr/bin/env bash
# Boots a userland in which lull is installed, and tries the service under its real restrictions:
#
#   sudo tests/systemd/booted.sh FOLDER
#
# FOLDER holds a Debian or Raspberry Pi OS with systemd-sysv, mosquitto and the package lull (debootstrap, then
# scripts/install --with-broker inside). It is not changed: the container works on an overlay. Prints what was seen, a
# line each, and ends with 1 where something did not hold.
set -euo pipefail
root=$(cd -- "${1:?the folder of a userland}" && pwd)
[ "$(id -u)" -eq 0 ] || { echo "this needs root" >&2; exit 2; }
command -v systemd-nspawn >/dev/null || { echo "systemd-nspawn is missing: apt install systemd-container" >&2; exit 2; }
[ -x "$root/usr/bin/lull" ] || { echo "lull is not installed in $root" >&2; exit 2; }

work=$(mktemp -d)
trap 'umount "$work/root" 2>/dev/null || true; rm -rf -- "$work"' EXIT
mkdir "$work"/{root,upper,overlay}
mount -t overlay overlay -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/overlay" "$work/root"
mkdir -p "$work/root/etc/lull" "$work/root/etc/systemd/system/multi-user.target.wants"
cat >"$work/root/etc/lull/lull.yaml" <<'YAML'
device: box
audio: {output: silent}
mqtt: {host: localhost}
playlists: {music: {paths: [/srv/lull]}}
YAML
# the decoder has something to say about it
head -c 20000 /dev/zero >"$work/root/srv/lull/broken.flac"
printf fLaC | dd of="$work/root/srv/lull/broken.flac" conv=notrunc status=none
cat >"$work/root/etc/systemd/system/probe.service" <<'UNIT'
[Unit]
After=multi-user.target lull.service
[Service]
ExecStart=/bin/bash /root/probe.sh
StandardOutput=file:/root/probe.log
StandardError=inherit
UNIT
ln -s ../probe.service "$work/root/etc/systemd/system/multi-user.target.wants/probe.service"
cat >"$work/root/root/probe.sh" <<'PROBE'
# within SECONDS TEXT COMMAND...: tries until it succeeds
within() {
    local last=$((SECONDS + $1)) began=$SECONDS text=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $last ] || { echo "FAILED: $text"; return; }
        sleep 0.5
    done
    echo "ok: $text ($((SECONDS - began)) s)"
}
state() { lull status --json --timeout 1 | grep -q "$1"; }
restarted() { [ "$(systemctl show lull -p NRestarts --value)" = "$1" ]; }
pid() { systemctl show lull -p MainPID --value; }
# a manager that cannot set something up may leave it out: the process itself is asked
confined() {
    local process fact
    process=/proc/$(pid)
    for fact in 'NoNewPrivs:\s1' 'Seccomp:\s2' 'CapBnd:\s0+'; do
        grep -Exq "$fact" "$process/status" || return 1
    done
    [ "$(readlink "$process/ns/user")" != "$(readlink /proc/1/ns/user)" ]
}
can_write() { nsenter -m -t "$(pid)" touch "$1"; }
cannot_write() { ! can_write "$1"; }
exposed() { systemd-analyze security lull --no-pager | grep -Eq 'level for lull.service: (0\.[0-9]|1\.[0-5]) '; }
within 30 "the service is ready" systemctl is-active lull
within 10 "it answers over the broker" state '"state": "idle"'
mkdir -p /run/systemd/timesync && touch /run/systemd/timesync/synchronized
within 30 "the clock is believed once it is set" state '"clock_trusted": true'
within 5 "it plays" lull play
within 30 "sound has risen" state '"state": "playing"'
sleep 12
within 1 "its process has no privileges, a filter of system calls and a user namespace" confined
within 1 "it may write where its memory is" can_write /var/lib/lull/probe
within 1 "and not into the system" cannot_write /usr/probe
within 1 "nor into the music" cannot_write /srv/lull/probe
echo "seen: $(grep -E '^(VmHWM|Threads):' "/proc/$(pid)/status" | tr -s '\t\n ' ' ')"
lull doctor >/root/doctor.log 2>&1 && echo "ok: the doctor finds nothing wrong" || { echo "FAILED: the doctor finds:"; cat /root/doctor.log; }
within 5 "it is read again" systemctl reload lull
systemctl kill -s SIGKILL lull
within 10 "ten seconds after it was killed the session goes on" state '"why": "resume"'
within 1 "it was restarted once" restarted 1
# a process that stands still: nobody feeds the watchdog (30 s), and what it sends is heard only by the end (10 s)
systemctl kill -s SIGSTOP lull
within 60 "one that stands still is replaced" restarted 2
within 60 "and half a minute later, for it is the second time, the session goes on" state '"why": "resume"'
within 5 "it is stopped" lull stop
within 10 "and silent" state '"state": "idle"'
within 5 "what the decoder says is in the journal" sh -c 'journalctl -u lull -o cat | grep -E "libVLC|library"'
sed -i 's|output: silent|output: pipe, path: /run/lull/snapfifo|' /etc/lull/lull.yaml
within 10 "it starts anew, with the pipe for Snapcast" systemctl restart lull
setpriv --reuid nobody --regid lull --clear-groups cat /run/lull/snapfifo >/root/piped &
within 20 "somebody in the group lull reads it, and it plays there" lull play
within 30 "what comes through is sound" sh -c 'tail -c 100000 /root/piped | tr -d "\\0" | grep -q .'
within 1 "exposure is 1.5 or lower" exposed
within 5 "the service ends within its fade" systemctl stop lull
systemctl is-failed --quiet lull && echo "FAILED: the service ended badly"
journalctl -u lull --no-pager -o cat -p warning | sed 's/^/journal: /'
systemctl poweroff
PROBE
timeout 240 systemd-nspawn -q -D "$work/root" --register=no --keep-unit -b >"$work/boot.log" 2>&1 </dev/null || true
cat "$work/root/root/probe.log" 2>/dev/null || { tail -20 "$work/boot.log"; echo "FAILED: it did not boot"; exit 1; }
! grep -q '^FAILED' "$work/root/root/probe.log"
