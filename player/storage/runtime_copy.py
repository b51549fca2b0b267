"""A copy of all documents in the service's run-time directory, which is in memory and answers where the disk does not.

It lasts while the machine is up, for a restart of lull. If the disk hung when lull ended, it has what the disk lacks:
a session that was stopped meanwhile does not resume. If the state directory does not answer at the start, bans are
known from it all the same. After a power cut there is none.

``<id of the speaker>.json``: an object with the ``boot``, the ``documents`` (JSON texts by name), and the names of
those that are ``unsaved``. A copy that is damaged in any way, or of another boot, counts as none. Without such a
directory (systemd names it in ``RUNTIME_DIRECTORY``) there is none either. Two threads call: the one that changes
documents, and the one that saves them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from player.session.memory.records import BY_URI, NAMES, RECORD, TRIES, RecalledMemory, read_texts, texts, tries_after

log = logging.getLogger("lull")

_MAX_BYTES: Final = 32 << 20
_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def runtime_file(speaker_id: str) -> Path | None:
    """The copy's file for a speaker; None where the service manager has made no run-time directory."""
    folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(folder, f"{speaker_id}.json") if folder else None


class RuntimeCopy:
    """The copy in one file.

    Args:
        path: of the file; None: nothing is kept.
        boot: the id of this boot.
    """

    def __init__(self, path: Path | None = None, boot: str = "") -> None:
        self._path = path
        self._boot = boot
        self._lock = threading.Lock()
        self._documents, self._unsaved = self._read()
        self._changes = 0

    def recalled(self) -> RecalledMemory:
        """What is known without the disk."""
        documents, _ = read_texts(self._documents)
        return self._counted(RecalledMemory(documents, boot=self._boot), documents.tries)

    def completed(self, found: RecalledMemory) -> RecalledMemory:
        """What the disk has, completed with what it lacks, which remains unsaved; the copy then has all of it."""
        newer = {name: self._documents[name] for name in self._unsaved}
        others = {name: text for name, text in newer.items() if name not in BY_URI}
        kept, _ = read_texts(texts(found.documents) | others, newer)
        both = replace(found, documents=replace(kept, tries=found.documents.tries))
        if RECORD in others:
            both = self._counted(both, read_texts(self._documents)[0].tries)
        with self._lock:
            self._documents = texts(both.documents)
            self._write()
        return both

    def _counted(self, found: RecalledMemory, tries: int) -> RecalledMemory:
        """The same with its record counted; without a record where that cannot be written."""
        if found.documents.record is None:
            return found
        documents = replace(found.documents, tries=max(found.documents.tries, tries_after(tries)))
        with self._lock:
            self._documents |= {TRIES: texts(documents)[TRIES]}
            is_counted = self._write()
        return replace(found, documents=documents if is_counted else replace(documents, record=None))

    @property
    def unsaved(self) -> dict[str, str]:
        """The documents that the disk lacks."""
        with self._lock:
            return {name: self._documents[name] for name in self._unsaved}

    def note(self, documents: Mapping[str, str]) -> int:
        """Keep changed documents, which are not saved yet; returns the number of this change."""
        with self._lock:
            self._changes += 1
            if documents:
                self._documents |= documents
                self._unsaved |= documents.keys()
                self._write()
            return self._changes

    def confirm(self, change: int) -> None:
        """Everything up to this change is saved."""
        with self._lock:
            if change == self._changes and self._unsaved:
                self._unsaved = set()
                self._write()

    def _read(self) -> tuple[dict[str, str], set[str]]:
        if self._path is None:
            return {}, set()
        try:
            with open(os.open(self._path, os.O_RDONLY | _FLAGS), "rb") as file:
                found = json.loads(file.read(_MAX_BYTES))
            documents = {name: found["documents"][name] for name in NAMES if name in found["documents"]}
            is_ours = found["boot"] == self._boot != "" and all(isinstance(text, str) for text in documents.values())
            return (documents, documents.keys() & set(found["unsaved"])) if is_ours else ({}, set())
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return {}, set()

    def _write(self) -> bool:
        """Replace the file; returns whether that worked. With the lock held."""
        if self._path is None:
            return False
        text = json.dumps({"boot": self._boot, "unsaved": sorted(self._unsaved), "documents": self._documents})
        new = self._path.with_suffix(".new")
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(new)
            number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o640)
            with open(number, "w", encoding="ascii") as file:
                file.write(text)
            os.replace(new, self._path)
        except OSError as fault:
            log.info("%s cannot be written: %s", self._path, fault.strerror)
            return False
        return True
