"""Finds the file of a playlist's entry, although programs write names in many ways. Runs on the library's thread.

Tried in this order, and the first that exists is taken: as it is written; without quotes around it; with percent signs
decoded, as UTF-8 and as Latin-1. Then each of them once more folder by folder, with names compared without regard to
capitals and to the way accents are composed (NFC, NFD): macOS writes one form, other systems the other. A name on disk
that is not UTF-8 counts as written in code page 1252. Last, what was read as code page 1252 because it is not UTF-8 is
read as another code page (`PAGES`): a list in Czech, Russian or Japanese has no mark that says which.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

PAGES: Final = (
    "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp932", "gb18030", "cp949",
    "cp950", "cp850", "cp852", "cp866", "cp437", "koi8-r", "mac_roman", "euc_jp",
)  # fmt: skip
"""Code pages of Windows, then those of DOS, Unix and the old macOS."""


class EntryPaths:
    """Resolves entries; remembers the folders that it listed, so one object serves one reading."""

    def __init__(self) -> None:
        self._listed: dict[str, dict[str, str]] = {}
        self._page = ""
        self._last_page = PAGES[0]

    def resolve(self, location: str, playlist: Path) -> Path | None:
        """The absolute path of an entry, existing or not; None for an address that is not that of a file."""
        is_address = re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", location) and not location.lower().startswith("file:")
        if is_address or "\0" in location or re.fullmatch(r"file:(//[^/]*)?", location, re.IGNORECASE):
            return None
        found, named = self._existing(location, playlist.parent)
        self._page = ""
        pages = () if found is not None or location.isascii() else (self._last_page, *PAGES)
        for page in pages:
            text = reread(location, page)
            if text != location and (found := self._existing(text, playlist.parent)[0]) is not None:
                self._page = self._last_page = page
                break
        return named if found is None else found

    def title(self, text: str | None) -> str | None:
        """A title that stands beside the last entry, in the code page in which the entry was found."""
        return text if text is None or not self._page else reread(text, self._page)

    def _existing(self, location: str, folder: Path) -> tuple[Path | None, Path]:
        """The file that an entry means, if there is one; and its path as it is written."""
        candidates = list(dict.fromkeys(_spellings(location, folder)))
        for candidate in candidates:
            if os.path.lexists(candidate):
                return Path(candidate), Path(candidates[0])
        alike = (self._alike(candidate) for candidate in candidates)
        found = next((path for path in alike if path is not None), None)
        return None if found is None else Path(found), Path(candidates[0])

    def _alike(self, path: str) -> str | None:
        """An existing path whose names differ in capitals or accents at most."""
        folder, name = os.path.split(path)
        if not name:
            return path
        if not os.path.isdir(folder):
            found = self._alike(folder)
            if found is None:
                return None
            folder = found
        there = self._names(folder).get(_folded(name))
        return None if there is None else os.path.join(folder, there)

    def _names(self, folder: str) -> dict[str, str]:
        if folder not in self._listed:
            try:
                self._listed[folder] = {_folded(name): name for name in sorted(os.listdir(folder), reverse=True)}
            except OSError:
                self._listed[folder] = {}
        return self._listed[folder]


def reread(text: str, page: str) -> str:
    """A text that was read as code page 1252 or Latin-1, read as another one; unchanged where it cannot be that."""
    for wrong in ("cp1252", "latin-1"):
        try:
            return text.encode(wrong).decode(page)
        except UnicodeError:
            continue
    return text


def _spellings(location: str, folder: Path) -> Iterator[str]:
    """Paths that an entry may mean, the most literal first; relative ones are relative to the playlist."""
    if location.lower().startswith("file:"):
        rest = re.sub(r"^file:(//[^/]*)?", "", location, flags=re.IGNORECASE)
        yield from (_placed(unquote(rest), folder), _placed(unquote(rest, "cp1252", "replace"), folder))
        yield _placed(rest, folder)
        return
    plain = location.replace("\\", "/")
    texts = [plain]
    if len(plain) > 2 and plain[0] == plain[-1] and plain[0] in "\"'":
        texts.append(plain[1:-1])
    for text in texts:
        yield _placed(text, folder)
        if "%" in text:
            yield from (_placed(unquote(text), folder), _placed(unquote(text, "cp1252", "replace"), folder))


def _placed(text: str, folder: Path) -> str:
    return os.path.normpath(folder / os.path.expanduser(text.replace("\0", "")))


def _folded(name: str) -> str:
    """A name in the form in which names are compared."""
    try:
        name = name.encode("ascii", "surrogateescape").decode("utf-8")
    except UnicodeError:
        if any("\udc80" <= character <= "\udcff" for character in name):
            name = os.fsencode(name).decode("cp1252", "replace")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
