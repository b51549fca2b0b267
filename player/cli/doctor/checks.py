"""Runs the doctor's checks: gathers facts through the probes, each check on its own thread and with a time limit.

A check that hangs (a dead share, a name server, a sound server) is abandoned with a finding that says so; the
process does not wait for it. What several checks need (config, unit, memory) is read first.
"""

from __future__ import annotations

import contextlib
import queue
import shlex
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from player.cli.check_notes import level_notes, level_row
from player.cli.doctor import judge_machine as machine
from player.cli.doctor import judge_setup as house
from player.cli.doctor import judge_sound as sound
from player.cli.doctor.facts import JournalEvent, LastNight, MixerPinFacts, Plans, Service, UserAccount
from player.cli.doctor.findings import Finding, right, wrong
from player.cli.doctor.library_state import take_stock
from player.cli.doctor.probes.access import READ, account_of, barrier, read_password_file, read_place
from player.cli.doctor.probes.alsa import look_at_mixer, try_device
from player.cli.doctor.probes.broker import probe
from player.cli.doctor.probes.host import how_installed, read_cards, read_machine, read_throttled
from player.cli.doctor.probes.service import ask_service, read_journal
from player.cli.paths import DEFAULT_CONFIG, config_file, own_home
from player.cli.private_broker import mosquitto
from player.config import Config, load_whereabouts, salvage
from player.core.clock import Clock, SystemClock
from player.core.errors import ConfigError, StoreError
from player.core.settings.audio import AudioSettings, OutputKind
from player.core.settings.mqtt import CREDENTIAL, MqttSettings
from player.core.settings.session import Playlist, Settings
from player.core.units import counted
from player.library.folders import with_library
from player.mqtt.triggers.wishes import wishes_of
from player.session.memory.memory import Memory, tonight
from player.session.memory.records import EndedSession, RecalledMemory
from player.session.schedule.preview import Preview
from player.session.schedule.schedule import planned_entries
from player.storage.lock import holder_of
from player.storage.memory_db import calibration_in, look_into
from player.system.clock_trust import ClockTrust, kernel_status
from player.system.identity import hardware
from player.system.input_devices import InputSystem

FIRST_S: Final = 3.0
"""Seconds for what the other checks need; systemd answers in milliseconds, or not at all."""
CHECK_S: Final = 10.0
"""Seconds for each other check; they run in parallel, so all of them take at most this long."""
ASK_S: Final = 8.0
"""Seconds for a question within a check, so that the check itself can still report a missing answer."""
BACK: Final = timedelta(hours=36)
_INTERRUPTED: Final = "interrupted"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name on the screen, its function, and what may block it."""

    name: str
    look: Callable[[], Iterable[Finding]]
    hung_by: str = "the disk or share"


@dataclass(frozen=True, slots=True)
class Setup:
    """The data that several checks need.

    Attributes:
        path: the path of the config.
        is_there: whether it exists; without one the settings are those of `lull night`.
        account: the user of the service, or the present user without a service; None: the user does not exist.
        daemon_pid: the process of the daemon, 0 where none runs.
        memory_fault: why the memory cannot be used.
    """

    path: Path
    is_there: bool
    config: Config
    faults: tuple[str, ...]
    service: Service | None
    account: UserAccount | None
    daemon_pid: int
    recalled: RecalledMemory
    ended: tuple[EndedSession, ...]
    memory_fault: str | None

    @property
    def is_running(self) -> bool:
        """Whether a daemon runs."""
        return self.daemon_pid > 0

    @property
    def is_service(self) -> bool:
        """Whether it is installed as a service; then the journal has what it tells."""
        return self.unit is not None

    @property
    def unit(self) -> str | None:
        """The name of the service; None where it is not installed as one."""
        return self.service.unit if self.service is not None and self.service.is_loaded else None

    @property
    def memory(self) -> Memory:
        """The memory with everything that is saved."""
        memory = Memory()
        self.recalled.documents.recall(memory)
        return memory


def examine(named: Path | None, speaker: str | None = None, clock: Clock | None = None) -> list[Finding]:
    """All findings, in the order of the screen; takes less than 15 s whatever hangs."""
    clock = clock or SystemClock()
    chosen = config_file(named)
    path, is_there = chosen or DEFAULT_CONFIG, chosen is not None
    config, faults = salvage(path, calibration_in, speaker) if is_there else (_without_config(), ())
    findings = list(house.judge_config(str(path), faults, how_installed(), is_there=is_there))
    patient = _admit(config, faults, path, is_there=is_there)
    return findings + in_time(checks_of(patient, clock), CHECK_S)


def _without_config() -> Config:
    """The settings that `lull night` would use."""
    return Config(settings=Settings(), audio=AudioSettings(), mqtt=MqttSettings(), state_dir=own_home())


def _admit(config: Config, faults: tuple[str, ...], path: Path, *, is_there: bool) -> Setup:
    service = _service_of(_speakers(config, path))
    is_loaded = service is not None and service.is_loaded
    account = account_of(service.user, service.groups) if service is not None and is_loaded else account_of(None)
    active_pid = service.pid if service is not None and service.active == "active" else 0
    recalled, ended, fault = _remembered(config.state_dir)
    pid = holder_of(config.state_dir) or active_pid
    return Setup(path, is_there, config, faults, service, account, pid, recalled, ended, fault)


def _speakers(config: Config, path: Path) -> tuple[str, ...]:
    """The speaker that is examined; all of the file where none of several is chosen."""
    if config.speaker is not None:
        return (config.speaker,)
    with contextlib.suppress(ConfigError):
        return load_whereabouts(path).speakers
    return ()


def _service_of(speakers: Iterable[str]) -> Service | None:
    """The service of a speaker: one of its own where that runs or is enabled, otherwise the plain one.

    Of several, where no speaker is chosen, the first that does not run is shown, if there is one.
    """
    own: list[Service] = []
    for speaker in speakers:
        one = ask_service(f"lull@{speaker}", FIRST_S)
        if one is None:
            break  # systemd does not answer, and each question takes time
        if one.is_enabled or one.active != "inactive":
            own.append(one)
    return min(own, key=lambda one: one.active == "active", default=None) or ask_service("lull", FIRST_S)


def _remembered(state_dir: Path) -> tuple[RecalledMemory, tuple[EndedSession, ...], str | None]:
    """The content of the memory, and why it cannot be read."""
    try:
        return (*look_into(state_dir), None)
    except StoreError as fault:
        return RecalledMemory(), (), str(fault)


def _levels(patient: Setup) -> list[Finding]:
    settings, known = patient.config.settings, patient.recalled.documents.calibration
    return house.judge_levels(level_row(settings, known), list(level_notes(settings, known)))


def checks_of(patient: Setup, clock: Clock) -> list[Check]:
    """The checks for this config, in the order of the screen."""
    config, audio = patient.config, patient.config.audio
    found = [
        Check(
            "service",
            lambda: machine.judge_service(patient.service, how_installed(), is_running=patient.is_running),
        )
    ]
    if audio.output is OutputKind.ALSA:
        found += [
            Check("sound cards", lambda: [sound.judge_cards(read_cards(), audio.device)]),
            Check("sound device", lambda: [_device(patient)]),
            Check("mixer", lambda: _mixer(audio)),
        ]
    else:
        found.append(
            Check("sound device", lambda: [right("sound device", f"none: the output is {audio.output.value}")])
        )
    if config.mqtt is not None:
        found.append(Check("broker", lambda: _broker(patient), "the name server or the broker"))
    elif not patient.faults:
        found.append(Check("broker", lambda: [right("broker", "none; lull is not controlled over MQTT")]))
    found.append(Check("clock", lambda: [_clock(patient, clock)]))
    found += [
        Check(f"playlist {playlist.name}", partial(_playlist, patient, playlist))
        for playlist in with_library(config.settings)[0].playlists
    ]
    return [
        *found,
        Check("pillow", lambda: _levels(patient)),
        Check("next start", lambda: [house.judge_plans(_plans(patient, clock), str(patient.path))]),
        Check("state_dir", lambda: _place(patient)),
        Check("permissions", lambda: _rights(patient)),
        Check("inputs", lambda: _inputs(patient)),
        Check("power", lambda: machine.judge_power(read_throttled(ASK_S), hardware())),
        Check("last night", lambda: machine.judge_last_night(_last_night(patient, clock), patient.unit)),
        Check("versions", lambda: machine.judge_versions(read_machine())),
    ]


def in_time(checks: Iterable[Check], limit_s: float) -> list[Finding]:
    """The findings of all checks, run in parallel; a check without an answer in time has its own finding."""
    clock = SystemClock()
    end_s = clock.now().boot_s + limit_s
    begun = [(check, _begin(check)) for check in checks]
    return [finding for check, answer in begun for finding in _answer(check, answer, end_s - clock.now().boot_s)]


def _begin(check: Check) -> queue.SimpleQueue[list[Finding]]:
    answer: queue.SimpleQueue[list[Finding]] = queue.SimpleQueue()

    def run() -> None:
        """The main function of the check's thread."""
        try:
            answer.put(list(check.look()))
        except Exception as fault:  # noqa: BLE001 - the thread ends here, and the other checks are wanted all the same
            text = f"could not be checked: {type(fault).__name__}: {fault}"
            answer.put([wrong(check.name, text, "this is a bug in lull doctor; please report it")])

    threading.Thread(target=run, name=f"lull-doctor {check.name}", daemon=True).start()
    return answer


def _answer(check: Check, answer: queue.SimpleQueue[list[Finding]], left_s: float) -> list[Finding]:
    try:
        return answer.get(timeout=max(left_s, 0.001))
    except queue.Empty:
        return [wrong(check.name, "no result in time", f"{check.hung_by} does not respond; check it")]


# The checks.


def _device(patient: Setup) -> Finding:
    audio, pid = patient.config.audio, patient.daemon_pid
    held = sound.holder_of(read_cards(), audio.device)
    is_ours = held is not None and held.holder is not None and held.holder.pid == pid
    trial = None if is_ours else try_device(audio.device, audio.buffer_s, ASK_S)
    return sound.judge_device(audio.device, held, trial, pid)


def _mixer(audio: AudioSettings) -> Iterator[Finding]:
    pin = None if audio.mixer is None else MixerPinFacts(audio.mixer.control, audio.mixer.level)
    return sound.judge_mixer(look_at_mixer(audio.device, ASK_S), pin)


def _broker(patient: Setup) -> Iterator[Finding]:
    mqtt, device = patient.config.mqtt, patient.config.settings.device
    assert mqtt is not None, "not checked without a broker"
    state = probe(mqtt, device, ASK_S)
    yield house.judge_broker(state, is_needed=patient.is_there, has_mosquitto=mosquitto() is not None)
    yield from house.judge_speaker(state, device, patient.unit, is_running=patient.is_running)


def _clock(patient: Setup, clock: Clock) -> Finding:
    settings, sync = patient.config.settings, ClockTrust()
    witness = sync.witness()
    for _ in range(20):  # timedated is asked first and answers later, where the kernel may not be asked
        if witness is not None or kernel_status() is not None:
            break
        clock.sleep(0.1)
        witness = sync.witness()
    has_schedule = bool(settings.schedule)
    return machine.judge_clock(witness, is_trusted_by_config=settings.trusts_clock, needs_clock=has_schedule)


def _playlist(patient: Setup, playlist: Playlist) -> Iterator[Finding]:
    state = take_stock(playlist, patient.config.state_dir, patient.memory, patient.account)
    return house.judge_playlist(state, None if patient.is_running else _measuring(patient))


def _measuring(patient: Setup) -> str:
    """The command that measures all playlists, as the user who owns the measurements."""
    scan = f"lull scan --config {shlex.quote(str(patient.path.absolute()))}"
    return f"sudo -u {patient.account.name} {scan}" if patient.is_service and patient.account is not None else scan


def _plans(patient: Setup, clock: Clock) -> Plans:
    settings, switches, wall = patient.config.settings, patient.recalled.documents.switches, clock.now().wall
    first = Preview().look(planned_entries(settings, switches), switches.skipped, settings, wall).first
    return Plans(
        entries=len(settings.schedule),
        is_on=switches.is_enabled,
        entry=None if first is None else first[0].name,
        at=None if first is None else first[1],
        is_tonight_skipped=switches.skipped == tonight(wall),
    )


def _place(patient: Setup) -> Iterator[Finding]:
    name = "this user" if patient.account is None else patient.account.name
    return house.judge_place(read_place(patient.config.state_dir, patient.account), name, is_service=patient.is_service)


def _rights(patient: Setup) -> Iterator[Finding]:
    mqtt, password = patient.config.mqtt, None
    named = None if mqtt is None else mqtt.password_file
    if named is not None and not named.startswith(CREDENTIAL) and patient.account is not None:
        password = read_password_file(Path(named), patient.account)
    plays_to_card = patient.is_service and patient.config.audio.output is OutputKind.ALSA
    return house.judge_rights(patient.account, password, is_service=patient.is_service, plays_to_card=plays_to_card)


def _inputs(patient: Setup) -> Iterator[Finding]:
    rules, account, devices = patient.config.triggers.rules, patient.account, InputSystem().devices()
    wanted = [device for device in devices if any(device.is_called(wish.device) for wish in wishes_of(rules))]
    closed = [] if account is None else [one for one in wanted if barrier(Path(one.node), account, READ)]
    return house.judge_inputs(devices, rules, closed, "this user" if account is None else account.name)


def _last_night(patient: Setup, clock: Clock) -> LastNight:
    wall = clock.now().wall
    assert wall.tzinfo is not None, "the clock knows its zone"
    ended = [end for end in patient.ended if end.started > wall - BACK]
    deaths = [death for death in patient.recalled.documents.deaths if death.at is not None and death.at > wall - BACK]
    broken = [JournalEvent(end.started, f"{end.playlist}, after {end.minutes:g} min") for end in ended
              if end.reason == _INTERRUPTED]  # fmt: skip
    crashed = [
        JournalEvent(death.at, f"lull crashed on {Path(death.uri).name}") for death in deaths if death.at is not None
    ]
    problems, is_journal_read = read_journal(patient.unit or "lull", wall.tzinfo, ASK_S)
    fault = patient.memory_fault if patient.memory_fault and "does not exist" not in patient.memory_fault else None
    troubled = [JournalEvent(end.started, counted(end.problems, "problem")) for end in ended if end.problems]
    happened = tuple(broken), tuple(troubled), (*crashed, *problems)
    return LastNight(len(ended), *happened, is_journal_read, fault)
