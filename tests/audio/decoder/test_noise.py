"""Generated sound: its slopes, its loudness, that it never repeats, and that it is a source like any other."""

from __future__ import annotations

import numpy as np
import pytest

from player.analysis.ebur128 import ProgrammeMeter
from player.audio.decoder.noise import LOUDNESS_LUFS, NoiseDecoder, NoiseGenerator
from player.audio.dsp.types import Block
from player.core.noise import NoiseKind, NoisePath, parse_noise
from player.core.units import RATE_HZ
from tests import effort
from tests.fakes.source import FakeDecoder, tone

OCTAVES_HZ = (125, 250, 500, 1000, 2000, 4000, 8000)


def made(path: NoisePath, seconds: float, seed: int = 3) -> Block:
    """So much of it, in blocks of 100 ms."""
    generator = NoiseGenerator(path, seed)
    return np.concatenate([generator.read(4800) for _ in range(round(10 * seconds))])


def density_db(sound: Block) -> list[float]:
    """Power density in each octave band, dB."""
    power = np.abs(np.fft.rfft(sound[:, 0] * np.hanning(len(sound)))) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    return [10 * np.log10(power[(hz > low / 2**0.5) & (hz < low * 2**0.5)].mean()) for low in OCTAVES_HZ]


@pytest.mark.parametrize(
    ("kind", "slope_db"), effort.first(1, [(NoiseKind.WHITE, 0.0), (NoiseKind.PINK, -3.01), (NoiseKind.BROWN, -6.02)])
)
def test_a_colour_has_its_slope(kind: NoiseKind, slope_db: float) -> None:
    """The power density changes by the named slope per octave from 125 Hz to 8 kHz, within 0.5 dB at each octave."""
    levels = density_db(made(NoisePath(kind), 20.0))
    steps = np.diff(levels)
    assert np.allclose(steps, slope_db, atol=0.5)


def test_the_tone_control_takes_the_high_part_away() -> None:
    """Behind ``cut`` the level falls by 12 dB per octave more; an octave and more below it is as it was."""
    plain, cut = (
        density_db(made(NoisePath(NoiseKind.PINK), 20.0)),
        density_db(made(NoisePath(NoiseKind.PINK, 500), 20.0)),
    )
    assert np.diff(cut)[4:] == pytest.approx(-15.0, abs=1.0)
    assert cut[1] - cut[0] == pytest.approx(plain[1] - plain[0], abs=0.7)


@pytest.mark.parametrize("kind", effort.first(1, NoiseKind))
def test_the_loudness_is_known_without_measuring(kind: NoiseKind) -> None:
    """A meter of libebur128 finds what the generator says, which is the default target, and peaks keep 3 dB of room."""
    sound = made(NoisePath(kind), 40.0)
    generator = NoiseGenerator(NoisePath(kind), 3)
    meter = ProgrammeMeter(true_peak=True)
    meter.add(sound)
    assert generator.loudness_lufs == LOUDNESS_LUFS
    assert meter.integrated_lufs == pytest.approx(LOUDNESS_LUFS, abs=0.7)
    assert meter.true_peak_dbtp < -3.0


@pytest.mark.thorough
@pytest.mark.parametrize("kind", NoiseKind)
def test_nothing_repeats_and_there_is_no_seam(kind: NoiseKind) -> None:
    """No later second is like an earlier one (autocorrelation below 0.05), and no 50 ms stand out by 6 dB."""
    sound = made(NoisePath(kind, None), 30.0)[:, 0]
    high = np.diff(sound)  # the slow swings of brown noise are alike by chance; what a seam would show in is not
    power = np.abs(np.fft.rfft(high, 1 << (2 * len(high)).bit_length())) ** 2
    likeness = np.fft.irfft(power)[: len(high) // 2]
    assert np.abs(likeness[4800:]).max() < 0.05 * likeness[0]
    levels = (high[: len(high) // 2400 * 2400].reshape(-1, 2400) ** 2).mean(axis=1)
    assert levels.max() / np.median(levels) < 10 ** (6 / 10)


def test_the_size_of_the_reads_does_not_matter() -> None:
    """The same seed gives the same samples, by 100 frames or by 30,000; another seed gives others."""
    path = NoisePath(NoiseKind.RAIN)
    one, other = NoiseGenerator(path, 5), NoiseGenerator(path, 5)
    assert np.array_equal(one.read(30_000), np.concatenate([other.read(100) for _ in range(300)]))
    assert not np.array_equal(NoiseGenerator(path, 6).read(1000), NoiseGenerator(path, 5).read(1000))


def test_the_ears_hear_noise_of_their_own() -> None:
    """Left and right have nothing in common, so it is wide and does not sit in the middle of the head."""
    sound = made(NoisePath(NoiseKind.PINK), 10.0)
    assert abs(np.corrcoef(sound.T)[0, 1]) < 0.05


def test_a_generated_track_is_a_source_without_an_end() -> None:
    """It is ready at once, has no length and no fault, and gives nothing more once it is closed."""
    source = NoiseDecoder(FakeDecoder()).open("noise:brown?cut=400")
    assert source.wait_ready(48_000, 0.0)
    assert (source.duration_s, source.fault, source.is_finished()) == (None, None, False)
    assert source.frames_ready() >= 3 * RATE_HZ
    block = source.read(4800)
    assert (block.dtype, block.shape) == (np.float32, (4800, 2))
    source.close()
    assert (source.frames_ready(), source.is_finished(), len(source.read(100))) == (0, True, 0)


def test_two_nights_do_not_sound_alike() -> None:
    """Each opening begins elsewhere; with given seeds a rehearsal can be repeated."""
    decoder = NoiseDecoder(FakeDecoder())
    assert not np.array_equal(decoder.open("noise:sea").read(4800), decoder.open("noise:sea").read(4800))


def test_everything_else_goes_to_the_decoder() -> None:
    """A file is opened by the decoder behind it, at the place that was asked for."""
    files = FakeDecoder({"/a.flac": tone()})
    NoiseDecoder(files).open("/a.flac", 5.0)
    assert [uri for uri, _ in files.opened] == ["/a.flac"]
    assert files.opened[0][1].position == 5 * RATE_HZ


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (
            "noise:bown",
            r"noise 'bown' \(did you mean 'brown'\?\); available: white, pink, brown, rain, sea, fan",
        ),
        ("noise:", "unknown noise ''"),
        ("noise:brown?tone=3", "unknown option 'tone'; available: cut"),
        ("noise:brown?cut=99", r"cut is '99'; allowed is 100 to 16000 Hz"),
        ("noise:brown?cut=-400", "cut is '-400'"),
        ("noise:brown?cut=²00", "cut is"),
    ],
)
def test_a_path_that_names_no_noise_is_refused(path: str, reason: str) -> None:
    """The reason names the offender and the choices."""
    with pytest.raises(ValueError, match=reason):
        parse_noise(path)


def test_a_path_is_read() -> None:
    """Kind and tone; the title is for people."""
    assert parse_noise("noise:rain") == NoisePath(NoiseKind.RAIN)
    assert parse_noise("noise:brown?cut=400") == NoisePath(NoiseKind.BROWN, 400)
    assert NoisePath(NoiseKind.BROWN, 400).title == "Brown noise below 400 Hz"
    assert NoisePath(NoiseKind.SEA).title == "Sea"
