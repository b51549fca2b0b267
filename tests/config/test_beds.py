"""Beds and mixes in the config: every way of writing them, and what is wrong with them at its line."""

from __future__ import annotations

import pytest

from player.config import parse
from player.core.errors import ConfigError
from player.core.settings.bed import Bed

HEAD = 'playlists: {whispers: {paths: [/w]%s}, rain: {paths: ["noise:rain"]}, fan: {paths: ["noise:fan"]}}\n'


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("rain", (Bed("rain"),)),
        ("off", ()),
        ("{playlist: rain, gain: -18, outlasts: 20m}", (Bed("rain", -18.0, 1200.0),)),
        ("[rain, {playlist: fan, gain: -20}]", (Bed("rain"), Bed("fan", -20.0))),
    ],
)
def test_a_bed_is_read_in_each_form(written: str, expected: tuple[Bed, ...]) -> None:
    """In a playlist; the same reader serves entries, phases and mixes."""
    assert parse(HEAD % f", bed: {written}").settings.playlists[0].bed == expected


def test_a_mix_is_a_playlist_of_its_own() -> None:
    """The tracks of one, under another name, with its bed."""
    settings = parse(HEAD % "" + "mixes: {cosy: {playlist: whispers, bed: rain}}").settings
    mix = settings.playlist("cosy")
    assert mix is not None
    assert (mix.paths, mix.bed) == (("/w",), (Bed("rain"),))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (HEAD % ", bed: rian", "bed: 'rian' is not a playlist (did you mean 'rain'?)"),
        (HEAD % ", bed: {playlist: rain, gain: 0}", "bed.gain: 0 is out of range; use -40 to -3 dB"),
        (HEAD % ", bed: [rain, rain]", "twice; name two different playlists"),
        (HEAD % "" + "mixes: {rain: {playlist: whispers, bed: fan}}", "already the name of a playlist"),
        (HEAD % "" + "mixes: {cosy: {playlist: whispers}}", "mixes.cosy: needs bed"),
    ],
)
def test_a_fault_names_its_place_and_what_is_allowed(text: str, fault: str) -> None:
    """Unknown playlists, bounds, and names."""
    with pytest.raises(ConfigError) as refused:
        parse(text)
    assert fault in "\n".join(refused.value.faults)
