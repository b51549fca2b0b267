"""What the head of a file says, before libVLC looks into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from player.audio.decoder.content_kind import look_into


@pytest.mark.parametrize(("pictures", "is_refused"), [(1, False), (6, True)])
def test_a_flac_with_too_many_pictures_is_refused(tmp_path: Path, pictures: int, is_refused: bool) -> None:
    """Blocks of 16 MB each; with 96 MB of them libVLC takes 354 MB."""
    path = tmp_path / "a.flac"
    with path.open("wb") as file:
        file.write(b"fLaC" + bytes([0]) + (34).to_bytes(3, "big") + bytes(34))
        for number in range(pictures):
            file.write(bytes([6 | (0x80 if number == pictures - 1 else 0)]) + (16_000_000).to_bytes(3, "big"))
            file.seek(16_000_000, 1)
        file.write(b"\xff\xf8")
    expected = "has 91 MB of pictures and tags in it; at most 32 MB are allowed"
    assert look_into(str(path)).refusal == (expected if is_refused else None)
