"""Several speakers in one file: ``speakers`` has, by name, the own settings of each.

Runs on the main thread. The rest of the file is shared. What a speaker has of its own is put over it before anything is
read: tables key by key; everything else (a value, a list) replaces the shared one. So a speaker has exactly the
config that its file alone would be, and a fault keeps the line in which it was written.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from player.config.yaml_tree import Fault, KeyRow, Leaf, Listing, Node, Position, Table, join, shown
from player.core.errors import did_you_mean
from player.core.validation import check_name

SPEAKERS: Final = "speakers"
DEVICE: Final = "device"
NAMED_BY: Final = "LULL_DEVICE"
"""The environment variable that names the speaker of this machine."""
CHOSEN_BY: Final = f"--device, then ${NAMED_BY}, then the name of this machine"
"""What chooses a speaker of a file; the first that is given counts."""


@dataclass(frozen=True, slots=True)
class Speakers:
    """The speakers of a file.

    Attributes:
        place: the place of the key.
        common: the settings that all of them share.
        own: by name, the key and the speaker's own settings.
        faults: the faults of the names and their places.
    """

    place: Position
    common: Table
    own: dict[str, KeyRow]
    faults: tuple[Fault, ...]

    def tree_of(self, name: str) -> Table:
        """The config of one speaker."""
        row = self.own[name]
        own = (
            tuple(one for one in row.value.rows if one.key not in {DEVICE, SPEAKERS})
            if isinstance(row.value, Table)
            else ()
        )
        whole = _over(self.common, replace(self.common, rows=own))
        device = KeyRow(row.place, DEVICE, Leaf(row.place, name, is_plain=False))
        return replace(whole, rows=(device, *whole.rows))

    def faults_for(self, name: str | None) -> list[Fault]:
        """The faults that prevent a speaker from starting: of the file, and of its own name and table; all for an
        unknown one.
        """
        others = [row for other, row in self.own.items() if other != name] if name in self.own else []
        places = {place for row in others for place in (row.place, *_places(row.value))}
        return [fault for fault in self.faults if fault.place not in places]

    def relocated(self, name: str, faults: Iterable[Fault]) -> list[Fault]:
        """The faults of one speaker's config, with the paths of its own settings as they are in the file.

        The name itself was checked before.
        """
        own = set(_places(self.own[name].value)) | {self.own[name].place}
        path = join(SPEAKERS, name)
        return [
            replace(fault, path=f"{path}.{fault.path}") if fault.place in own else fault
            for fault in faults
            if fault.path != DEVICE
        ]

    def unknown(self, name: str) -> Fault:
        """The fault of a speaker name that the file does not have."""
        guess = did_you_mean(name, self.own)
        return Fault(self.place, SPEAKERS, f"has no {shown(name)}{guess}; choose one of {', '.join(self.own)}")

    def nobody(self) -> Fault:
        """The fault where no speaker is chosen."""
        text = (
            f"no speaker has the name of this machine, {shown(host_name())}; name one with --device or "
            f"${NAMED_BY}: {', '.join(self.own)}"
        )
        return Fault(self.place, SPEAKERS, text)

    def twins(self, ids: Iterable[tuple[str, str | None]]) -> Iterator[Fault]:
        """The fault of two speakers with one id in Home Assistant; ``ids`` are names with their ids."""
        seen: dict[str, str] = {}
        for name, own_id in ids:
            if own_id in seen:
                text = f"has the id {shown(own_id)} of {seen[own_id]} (mqtt.discovery.id); each needs its own, or none"
                yield Fault(self.own[name].place, join(SPEAKERS, name), text)
            elif own_id is not None:
                seen[own_id] = name

    def here(self, named: str | None) -> str | None:
        """The given speaker, or that of this machine by `CHOSEN_BY`; None where none is chosen.

        A given name is returned unchanged, whether there is such a speaker or not.
        """
        given = named or os.environ.get(NAMED_BY)
        return given or next((name for name in self.own if is_here(name)), None)


def is_here(name: str | None) -> bool:
    """Whether a speaker is this machine's: by `NAMED_BY`, otherwise by the machine's name."""
    said = os.environ.get(NAMED_BY)
    return name is not None and (name == said if said else name.lower() == host_name())


def speakers_of(root: Node | None) -> Speakers | None:
    """The speakers of a file; None where it has only one."""
    if not isinstance(root, Table):
        return None
    row = next((row for row in root.rows if row.key == SPEAKERS), None)
    if row is None or (isinstance(row.value, Leaf) and row.value.is_empty):
        return None
    faults: list[Fault] = []
    own: dict[str, KeyRow] = {}
    for speaker in row.value.rows if isinstance(row.value, Table) else ():
        faults += _faults_of(speaker)
        own[speaker.key] = speaker
    if not own:
        faults.append(
            Fault(row.place, SPEAKERS, "must be a table of names with keys, such as kitchen: {volume: {max: 40}}")
        )
    common = tuple(one for one in root.rows if one.key != SPEAKERS)
    for one in common:
        if one.key == DEVICE:
            faults.append(
                Fault(one.place, DEVICE, "cannot be given together with speakers: each speaker has its name there")
            )
    return Speakers(
        row.place, replace(root, rows=tuple(one for one in common if one.key != DEVICE)), own, tuple(faults)
    )


def shared_out(faults: dict[str, list[Fault]]) -> list[Fault]:
    """The faults of all speakers, by name, each once; a fault of only some of them names these."""
    by_fault: dict[Fault, list[str]] = {}
    for name, found in faults.items():
        for fault in found:
            by_fault.setdefault(fault, []).append(name)
    return [
        fault
        if len(names) == len(faults) or fault.path.startswith(f"{SPEAKERS}.")
        else replace(fault, text=f"{fault.text} (of {', '.join(names)})")
        for fault, names in by_fault.items()
    ]


def host_name() -> str:
    """The name of this machine, without its domain, in lower case."""
    return socket.gethostname().partition(".")[0].lower()


def check_device(name: str) -> None:
    """Raise ValueError unless it is a valid name of a speaker."""
    check_name("device", name)
    if name == "all":
        raise ValueError("'all' is reserved: every speaker listens to it; choose another name")


def _faults_of(speaker: KeyRow) -> Iterator[Fault]:
    path = join(SPEAKERS, speaker.key)
    try:
        check_device(speaker.key)
    except ValueError as error:
        yield Fault(speaker.place, path, str(error))
    if not isinstance(speaker.value, Table) and not (isinstance(speaker.value, Leaf) and speaker.value.is_empty):
        yield Fault(speaker.place, path, "must be a table with the keys that differ for this speaker, or be empty")
    for row in speaker.value.rows if isinstance(speaker.value, Table) else ():
        if row.key == DEVICE:
            yield Fault(row.place, join(path, DEVICE), f"cannot be set here: the name is {shown(speaker.key)}; omit it")
        if row.key == SPEAKERS:
            yield Fault(row.place, join(path, SPEAKERS), "a speaker has no speakers of its own")


def _over(common: Table, own: Table) -> Table:
    """The common table with the speaker's own over it; a key without a value counts as absent."""
    rows = {row.key: row for row in common.rows}
    for row in own.rows:
        if isinstance(row.value, Leaf) and row.value.is_empty:
            continue
        under = rows.get(row.key)
        value = row.value
        if under is not None and isinstance(under.value, Table) and isinstance(value, Table):
            value = _over(under.value, value)
        rows[row.key] = KeyRow(row.place, row.key, value)
    return replace(common, rows=tuple(rows.values()))


def _places(node: Node) -> Iterator[Position]:
    """The places of all nodes of a tree."""
    yield node.place
    if isinstance(node, Table):
        for row in node.rows:
            yield row.place
            yield from _places(row.value)
    elif isinstance(node, Listing):
        for item in node.items:
            yield from _places(item)
