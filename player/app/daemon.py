"""The daemon: connects session, engine and adapters, and processes the one inbox.

Threads: the main thread waits in the inbox, hands each message to the session and carries the outcome out, orders
first; the engine thread renders; the library's threads read folders, because a share may hang; paho and libVLC
have their own, and so have the input devices that triggers listen to. Everything that crosses goes through the inbox
or the queue of orders of the engine.

Parts start in order (signals, engine, library, broker, READY) and stop in reverse. The daemon never waits for the
broker, the network or the clock.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from player.app.engine_watch import EngineWatch
from player.app.inbox import Inbox
from player.app.library_upkeep import LibraryUpkeep
from player.app.parts import AnswerWritten, ConfigLoaded, EngineEnded, Inbound, Parts, Reload, Terminate
from player.audio.dsp.ears import Ears
from player.audio.engine import Engine
from player.audio.engine_settings import EngineSettings
from player.config import Config, differences, load
from player.core import engine_orders as orders
from player.core.clock import Now
from player.core.commands import Pause, Request, Stop, Toggle
from player.core.errors import ConfigError
from player.core.events import Answer, Event, ItemStarted, LibraryRead, News, ScanMoved
from player.core.snapshot import Snapshot
from player.core.states import State
from player.core.threads import TOO_MANY, has_started
from player.library.folders import FolderChanged, LibraryFolders
from player.mqtt.gateway import Gateway
from player.mqtt.incoming import Incoming, LinkDown, LinkUp, Refusal
from player.mqtt.intake import Intake
from player.mqtt.triggers.gate import SpeakerStatus, TriggerGate
from player.mqtt.triggers.mailbox import MailboxFilled
from player.mqtt.triggers.wishes import wishes_of
from player.session.controller import Controller
from player.session.memory.records import Batch
from player.session.messages import ExternalProblem, Message, NewSettings, Shutdown
from player.session.outcome import Outcome
from player.storage.memory_db import calibration_in
from player.system.systemd import Heartbeat

log = logging.getLogger("lull")

QUIT_MARGIN_S: Final = 0.5
"""Seconds after its fade at which the daemon ends, even if the engine does not report silence."""
MEMORY_STOP_S: Final = 0.5


class Daemon:
    """The daemon.

    Args:
        config: the settings.
        parts: the parts that touch the world.
        watchers: called with the snapshot after each turn of the inbox; must be quick.
    """

    def __init__(self, config: Config, parts: Parts, watchers: Iterable[Callable[[Snapshot], None]] = ()) -> None:
        self._intake = Intake()
        self.inbox: Inbox[Inbound] = Inbox(parts.clock)
        self._config = config
        self._library = LibraryUpkeep(config.settings, parts, self.inbox.put, lambda: self._controller.watched)
        self._notes = self._library.notes
        self._state_dir = config.state_dir
        self._parts = parts
        self._watchers = tuple(watchers)
        self._memory_writer = parts.make_memory_writer(self.inbox.put)
        rng = random.Random()  # noqa: S311 - chooses tracks, not a secret
        recalled = replace(self._memory_writer.recall(), has_crashed=parts.has_crashed)
        self._controller = Controller(self._library.settings, rng, recalled)
        sink = parts.make_sink(config.audio, self.inbox.put)
        engine_settings = replace(
            EngineSettings.of(config.settings, parts.make_power_meter, config.audio.hold_s), ears=_ears(config)
        )
        self._engine = Engine(sink, parts.decoder, parts.clock, self.inbox.put, engine_settings)
        self._engine_thread = threading.Thread(target=self._run_engine, name="lull-engine", daemon=True)
        self._engine_watch = EngineWatch()
        self._trigger_gate = TriggerGate(config.triggers)
        self._inputs = parts.make_inputs(self._press, lambda text: self.inbox.put(ExternalProblem("input", text)))
        self._gateway = Gateway(
            parts.make_link, parts.identity, parts.clock, self._intake, self._trigger_gate, self.inbox.put
        )
        self._heartbeat = Heartbeat(parts.notifier.watchdog_s)
        self._quit_by_s: float | None = None
        self._reloads = 0
        self._status = ""
        self._has_calibrated = False

    def run(self) -> None:
        """Start, process messages until told to quit, stop."""
        self._start()
        try:
            while not self._is_done():
                self._turn()
        finally:
            self._stop()

    # Starting and stopping.

    def _start(self) -> None:
        self._engine_thread.start()
        for note in self._notes:
            log.warning("%s", note)
        self._library.look_at_all()
        self._gateway.open(self._config.mqtt, self._config.settings.device, self._now().boot_s)
        self._inputs.listen(wishes_of(self._config.triggers.rules))
        self._parts.notifier.ready()

    def _is_done(self) -> bool:
        if self._quit_by_s is None:
            return False
        return self._controller.state is State.IDLE or self._now().boot_s >= self._quit_by_s

    def _stop(self) -> None:
        self._parts.notifier.stopping()
        self._carry_out(self._controller.close(self._now()), self._now())
        self._gateway.publish_last(self._controller.snapshot(self._now()), self._now())
        self._gateway.publish_night(self._controller.night, self._now().boot_s)
        self._engine.order(orders.QuitEngine())
        self._inputs.close()
        self._library.close()
        self._gateway.close()
        self._obey_last_stop()
        self._memory_writer.close(MEMORY_STOP_S)
        self._engine_thread.join(timeout=QUIT_MARGIN_S + 2 * self._config.audio.buffer_s)

    def _obey_last_stop(self) -> None:
        """Obey a stop or pause that came since the last turn: what it stops must not resume after a restart."""
        now, found = self._now(), list[object]()
        with contextlib.suppress(queue.Empty):
            while True:
                message = self.inbox.get(timeout=0.0)
                sent = self._gateway.take(message, now.boot_s) if isinstance(message, Incoming) else None
                found.append(message if sent is None else sent.request)
        for request in chain(found, self._trigger_gate.take(now, lambda: self._speaker_status(now))):
            if isinstance(request, Request) and isinstance(request.command, Stop | Pause | Toggle):
                self._handle(request, now)

    # The turn.

    def _now(self) -> Now:
        now = self._parts.clock.now()
        trusted = self._config.settings.trusts_clock or self._parts.is_time_trusted()
        return Now(now.boot_s, now.wall, trusted=trusted)

    def _turn(self) -> None:
        """Wait for a message or for time, act, publish, and feed the watchdog if there is reason to."""
        message = self._wait()
        now = self._now()
        self._dispatch(message, now)
        for finding in self._gateway.findings(now.boot_s):
            self._handle(ExternalProblem(f"mqtt-{finding.key}", finding.text), now)
        if (report := self._engine_watch.look(self._engine.turn_began_s, now.boot_s)) is not None:
            self._handle(report, now)
        for found in self._trigger_gate.take(now, lambda: self._speaker_status(now)):
            if isinstance(found, Request) and isinstance(found.command, Stop):
                self.inbox.void_waiting()
            self._publish_event(found, now) if isinstance(found, News) else self._handle(found, now)
        self._publish_state(now)
        if self._heartbeat.is_due(
            now.boot_s, self._engine.blocks_rendered, is_silence_expected=self._expects_silence()
        ):
            self._parts.notifier.feed_watchdog()

    def _speaker_status(self, now: Now) -> SpeakerStatus:
        controller = self._controller
        return SpeakerStatus(
            State.FADING_OUT if controller.tracks_layer.is_leaving else controller.state,
            controller.volume,
            controller.volume_at,
            controller.tracks_layer.is_gone,
            controller.louder.is_next_phase(now.boot_s),
            controller.louder.brings_bed,
        )

    def _wait(self) -> Inbound | None:
        now = self._now()
        own_s = (self._heartbeat.wait_s(), self._gateway.wait_s(now.boot_s), self._trigger_gate.wait_s(now.boot_s))
        engine_s = self._engine_watch.wait_s(self._engine.turn_began_s, now.boot_s)
        longest_s = min(self._controller.wait_s(now), engine_s, *own_s)
        if self._quit_by_s is not None:
            longest_s = min(longest_s, max(0.0, self._quit_by_s - now.boot_s))
        try:
            return self.inbox.get(timeout=max(longest_s, 0.001))
        except queue.Empty:
            return None

    def _expects_silence(self) -> bool:
        is_without_device = self._controller.is_output_lost and not self._engine_watch.is_stuck
        # a session whose playlist cannot be read yet gives the engine nothing to play
        return self._controller.state is State.IDLE or is_without_device or self._engine.is_resting

    def _dispatch(self, message: Inbound | None, now: Now) -> None:
        match message:
            case Incoming() | Refusal():
                self._take_incoming(message, now)
            case LinkUp():
                self._on_connected(message, now)
            case LinkDown():
                self._gateway.disconnected(message, now.boot_s)
                log.warning("broker: %s; playing continues; trying again", message.reason)
            case Reload():
                self._reload(now)
            case Terminate(over_s, is_restart):
                self._quit_by_s = now.boot_s + over_s + QUIT_MARGIN_S
                self._handle(Shutdown(over_s, is_restart), now)
            case LibraryRead():
                self._library.on_read(message)
                self._handle(message, now)
                self._measure(now)
            case ScanMoved():
                self._handle(ExternalProblem("scan", message.fault), now)
                self._library.on_scan(message)
                self._measure(now)
            case LibraryFolders():
                self._change_folders(message, now)
            case FolderChanged(folder):
                self._library.look_at_all(folder)
            case ConfigLoaded():
                self._finish_reload(message, now)
            case AnswerWritten():
                self._on_written(message, now)
            case EngineEnded():
                raise RuntimeError("the engine's thread has ended, so that nothing can sound any more")
            case ItemStarted():
                self._handle(message, now)
                self._measure(now)
            case _:
                self._handle(None if isinstance(message, MailboxFilled) else message, now)

    def _handle(self, message: Message | None, now: Now) -> None:
        self._carry_out(self._controller.handle(message, now), now)

    def _carry_out(self, out: Outcome, now: Now) -> None:
        for order in out.orders:
            self._engine.order(order)
        for batch in out.writes:
            self._memory_writer.write(batch)
        for name in out.reads:
            self._library.look(name)
        for event in out.events:
            if isinstance(event, Answer) and event.must_be_written:
                self._memory_writer.write(Batch({}), partial(self._put_written, event))
            else:
                self._publish_event(event, now)

    def _on_written(self, written: AnswerWritten, now: Now) -> None:
        self._publish_event(written.final, now)
        if self._has_calibrated:  # volumes in dB(A) have changed
            self._has_calibrated = False
            self._reload(now)

    def _run_engine(self) -> None:  # on the engine's thread
        try:
            self._engine.run()
        finally:
            self.inbox.put(EngineEnded())

    def _put_written(self, answer: Answer, fault: str | None) -> None:  # on the writer's thread
        self.inbox.put(AnswerWritten(answer, fault))

    def _change_folders(self, found: LibraryFolders, now: Now) -> None:
        text = self._library.take_folders(found)
        self._tell_notes(now)
        if text is not None:
            self._handle(NewSettings(self._library.settings, text), now)

    def _tell_notes(self, now: Now) -> None:
        """Log, once, what in the library cannot be a playlist."""
        for note in (note for note in self._library.notes if note not in self._notes):
            self._publish_event(News("settings_changed", note, {}), now)
        self._notes = self._library.notes

    def _measure(self, now: Now) -> None:
        """Let unmeasured tracks be measured, those that play and those of the next playlist first."""
        if self._quit_by_s is None:
            self._library.measure(self._controller.snapshot(now).playlist, self._controller.playing)

    # The wire.

    def _take_incoming(self, message: Incoming | Refusal, now: Now) -> None:
        taken = self._gateway.take(message, now.boot_s)
        for event in taken.events:
            self._publish_event(event, now)
        if taken.request is not None:
            self._handle(taken.request, now)

    def _press(self, device: str, word: str) -> None:
        """Callback on the thread of the input devices."""
        if self._trigger_gate.press(device, word):
            self.inbox.put(MailboxFilled())

    def _on_connected(self, up: LinkUp, now: Now) -> None:
        """Publish the whole state after each connection, because brokers forget."""
        log.log(logging.INFO if up.fell_back_to is None else logging.WARNING, "broker: %s", up.line)
        self._gateway.connected(up, now.boot_s)

    def _publish_state(self, now: Now) -> None:
        snapshot = self._controller.snapshot(now)
        for watcher in self._watchers:
            watcher(snapshot)
        if snapshot.line != self._status:
            self._status = snapshot.line
            self._parts.notifier.status(self._status)
        self._gateway.publish_state(snapshot, now)
        self._gateway.publish_night(self._controller.night, now.boot_s)
        self._gateway.publish_tracks(self._controller.tracks, now.boot_s)

    def _publish_event(self, event: Event, now: Now) -> None:
        if isinstance(event, Answer):
            self._intake.note(event)
            self._gateway.reply(event, self._controller.snapshot(now))
            return
        if event.type == "session_started":
            self._library.retry_failed()
        self._controller.asked.note(event, now.wall)
        self._has_calibrated = self._has_calibrated or event.type == "calibrated"
        level = logging.WARNING if event.is_warning else logging.INFO
        log.log(level, "%s", event.text, extra={"lull": {"event": event.type, **event.data}})
        self._gateway.publish_event(event, now.wall)

    # Reload.

    def _reload(self, now: Now) -> None:
        """Change only what differs; a bad file leaves the old config in use and is reported."""
        self._parts.notifier.reloading()
        self._reloads += 1
        path = self._config.path
        if path is None:
            self._finish_reload(ConfigLoaded(self._config, self._reloads), now)
        else:  # the disk may not answer, and a stop must work meanwhile
            reading = threading.Thread(target=self._load, args=(path, self._reloads), name="lull-reload", daemon=True)
            if not has_started(reading):
                fault = ConfigError([f"{path}: cannot be read: {TOO_MANY}"])
                self._finish_reload(ConfigLoaded(fault, self._reloads), now)

    def _load(self, path: Path, number: int) -> None:
        """Read the config; on a thread of its own."""
        try:
            fresh = load(path, calibration_in, self._config.speaker)
            folders = self._library.look_within(fresh.settings.library)  # a share may not answer either
            self.inbox.put(ConfigLoaded(fresh, number, folders))
        except ConfigError as error:
            self.inbox.put(ConfigLoaded(error, number))
        except Exception as fault:  # noqa: BLE001 - the thread ends here, and the service manager waits for an answer
            self.inbox.put(ConfigLoaded(ConfigError([f"{path}: {type(fault).__name__}: {fault}"]), number))

    def _finish_reload(self, loaded: ConfigLoaded, now: Now) -> None:
        fresh = loaded.found
        if loaded.reload != self._reloads:
            return  # what a later reload reads is newer
        if isinstance(fresh, ConfigError):
            for fault in fresh.faults:
                log.error("%s", fault)
            text = f"the new config was rejected; the old one is still in use: {fresh.faults[0]}"
            self._handle(ExternalProblem("config", text), now)
        else:
            self._apply_config(fresh, loaded.folders, now)
        self._parts.notifier.ready()

    def _apply_config(self, fresh: Config, folders: LibraryFolders | None, now: Now) -> None:
        changed = differences(self._config, fresh)
        self._config = fresh
        self._library.retry_failed()
        self._library.change_settings(fresh.settings, folders)
        self._tell_notes(now)
        self._trigger_gate.change(fresh.triggers)
        self._inputs.listen(wishes_of(fresh.triggers.rules))
        self._handle(ExternalProblem("config", None), now)
        self._handle(NewSettings(self._library.settings), now)
        if "mqtt" in changed or "device" in changed:
            self._gateway.open(fresh.mqtt, fresh.settings.device, now.boot_s)
        if "state_dir" in changed and fresh.state_dir != self._state_dir:
            text = f"state_dir {fresh.state_dir} takes effect after a restart; until then it is "
            text += f"{self._state_dir}. Nothing is moved there"
            self._publish_event(News("settings_changed", text, {}), now)
        if "audio" in changed:
            self._publish_event(News("settings_changed", "the new audio settings wait until nothing plays", {}), now)
            self._handle(ExternalProblem("mixer", None), now)
            sink = self._parts.make_sink(fresh.audio, self.inbox.put)
            self._engine.replace_sink(sink, fresh.audio.hold_s, _ears(fresh))


def _ears(config: Config) -> Ears:
    return Ears(config.audio.channels, config.audio.balance)
