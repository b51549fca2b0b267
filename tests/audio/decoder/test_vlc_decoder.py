"""LibVLC as a decoder: formats, lengths, seeking, broken things, the web, cost. All of it with the real library."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from player.audio.decoder import vlc_decoder as vlc_source
from player.audio.decoder.content_kind import FileContent
from player.audio.decoder.native_threads import MOST_OF_A_QUARTER, quarter_of
from player.audio.decoder.ring_source import RingSource
from player.audio.decoder.vlc_decoder import DecoderSettings, VlcDecoder
from player.audio.dsp.types import Block
from tests.audio_files import encode, mute_video, noise, picture, sine, with_picture, write_wav
from tests.fakes.threads import no_more_threads
from tests.paths import ROOT

pytestmark = [pytest.mark.live, pytest.mark.slow]

FORMATS = {
    "wav": (), "flac": (), "mp3": ("-b:a", "128k"), "ogg": ("-q:a", "6"), "opus": ("-b:a", "160k"),
    "m4a": ("-b:a", "192k"), "aiff": (), "mp2": ("-b:a", "192k"), "wma": ("-b:a", "160k"), "mka": ("-c:a", "flac"),
}  # fmt: skip
LOST_FRAMES = 5_000
"""No format loses more of its end than 104 ms."""


@pytest.fixture(scope="module")
def decoder() -> VlcDecoder:
    """One libVLC for all, less patient than usual so that a stall takes no ten seconds."""
    return VlcDecoder(DecoderSettings(file_stall_s=1.0, web_stall_s=1.0))


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    """After each test every keeper thread ends: whatever was opened was let go of."""
    yield
    for thread in threading.enumerate():
        if thread.name == "lull-decoder":
            thread.join(10.0)
            assert not thread.is_alive()
    assert not vlc_source._OPEN


def drain(source: RingSource) -> Block:
    """All that a source gives; then it is closed."""
    blocks: list[Block] = []
    while not (source.is_finished() and not source.frames_ready()):
        assert source.wait_ready(4800, 20.0)
        blocks.append(source.read(4800))
    source.close()
    return np.concatenate(blocks) if blocks else np.empty((0, 2), dtype=np.float32)


def fault_of(decoder: VlcDecoder, path: Path | str) -> str | None:
    """What a source says that gives no sound."""
    source = decoder.open(str(path))
    assert len(drain(source)) == 0
    return source.fault


def level_db(block: Block) -> float:
    """Mean square in dB."""
    return float(10 * np.log10(np.mean(np.square(block, dtype=np.float64))))


def by_ffmpeg(path: Path) -> Block:
    """The file as ffmpeg decodes it: the independent witness."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", "-ar", "48000", "-ac", "2", "-"]
    data = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    return np.frombuffer(data, "<f4").reshape(-1, 2)


class TestFormats:
    @pytest.mark.parametrize("suffix", FORMATS)
    def test_each_format_keeps_its_level_and_length(self, decoder: VlcDecoder, tmp_path: Path, suffix: str) -> None:
        """What ffmpeg hears in the same file is heard within 0.05 dB; at most 104 ms are lost, MP3 and AAC add some."""
        path = encode(tmp_path / f"a.{suffix}", sine(440, 4.0), *FORMATS[suffix])
        audio = drain(decoder.open(str(path)))
        expected_db = level_db(by_ffmpeg(path)[9600:-9600, 0])
        assert expected_db == pytest.approx(-15.05, abs=0.6)
        assert 4 * 48_000 - LOST_FRAMES <= len(audio) <= 4 * 48_000 + LOST_FRAMES
        for side in (0, 1):
            assert level_db(audio[9600:-9600, side]) == pytest.approx(expected_db, abs=0.05)

    @pytest.mark.parametrize("suffix", ["wav", "aiff", "caf", "mka"])
    @pytest.mark.parametrize("rate_hz", [44_100, 48_000])
    def test_64_bit_float_is_heard(self, decoder: VlcDecoder, tmp_path: Path, suffix: str, rate_hz: int) -> None:
        """The soxr resampler of libVLC 3 corrupts the heap with it at 48 kHz, which ends the process."""
        codec = "pcm_f64be" if suffix == "aiff" else "pcm_f64le"
        path = encode(tmp_path / f"a.{suffix}", sine(440, 3.0, rate_hz=rate_hz), "-c:a", codec, rate_hz=rate_hz)
        audio = drain(decoder.open(str(path)))
        assert len(audio) == pytest.approx(3 * 48_000, abs=LOST_FRAMES)
        assert level_db(audio[9600:-9600, 0]) == pytest.approx(-15.05, abs=0.05)

    @pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "webm", "avi"])
    def test_a_picture_beside_the_sound_changes_nothing(self, tmp_path: Path, suffix: str) -> None:
        """Scan (pipe) and play (ring) decode the sound alone; no bytes of the picture land between."""
        sound = encode(tmp_path / "a.mka", sine(440, 3.0), "-c:a", "libopus" if suffix == "webm" else "libmp3lame")
        path = with_picture(tmp_path / f"b.{suffix}", sound)
        for is_piped in (False, True):
            audio = drain(VlcDecoder(DecoderSettings(file_stall_s=1.0, is_piped=is_piped)).open(str(path)))
            assert len(audio) == pytest.approx(3 * 48_000, abs=LOST_FRAMES)
            assert level_db(audio[9600:-9600, 0]) == pytest.approx(-15.05, abs=0.6)

    @pytest.mark.parametrize("rate_hz", [22_050, 32_000, 44_100, 96_000])
    @pytest.mark.parametrize("channels", [1, 2])
    def test_each_rate_and_channel_count_becomes_48_khz_stereo(
        self, decoder: VlcDecoder, tmp_path: Path, rate_hz: int, channels: int
    ) -> None:
        """The pitch stays (1 kHz is bin 1000 of one second), and mono comes at its own level on both sides."""
        path = write_wav(tmp_path / "a.wav", sine(1000, 3.0, rate_hz=rate_hz, channels=channels), rate_hz)
        audio = drain(decoder.open(str(path)))
        second = audio[48_000:96_000]
        assert int(np.argmax(np.abs(np.fft.rfft(second[:, 0])))) == 1000
        assert np.array_equal(second[:, 0], second[:, 1])
        assert np.max(np.abs(second)) == pytest.approx(0.25, rel=0.01)

    def test_resampling_is_clean(self, decoder: VlcDecoder, tmp_path: Path) -> None:
        """From 44.1 kHz, all that is not the 1 kHz tone lies 80 dB below it: 16 bit material has 98 dB."""
        path = write_wav(tmp_path / "a.wav", sine(1000, 3.0, rate_hz=44_100, peak=0.9), 44_100)
        second = drain(decoder.open(str(path)))[48_000:96_000, 0].astype(np.float64)
        spectrum = np.square(np.abs(np.fft.rfft(second * np.blackman(48_000))))
        tone = spectrum[990:1011].sum()
        assert 10 * np.log10((spectrum.sum() - tone) / tone) < -80

    def test_samples_beyond_full_scale_come_as_they_are(self, decoder: VlcDecoder, tmp_path: Path) -> None:
        """Taming is the engine's task, and it must see what there is: a float WAV peaking at 4.0."""
        path = encode(tmp_path / "a.wav", sine(440, 2.0, peak=4.0), "-c:a", "pcm_f32le")
        assert np.max(np.abs(drain(decoder.open(str(path))))) == pytest.approx(4.0, rel=1e-3)

    @pytest.mark.parametrize("suffix", ["wav", "mp3", "ogg"])
    def test_the_same_file_gives_the_same_bits_every_time(
        self, decoder: VlcDecoder, tmp_path: Path, suffix: str
    ) -> None:
        """Ten times, the last five of them while both cores are busy with something else."""
        path = str(encode(tmp_path / f"a.{suffix}", noise(8.0, rate_hz=44_100), *FORMATS[suffix], rate_hz=44_100))
        hashes = [hashlib.sha256(drain(decoder.open(path)).tobytes()).hexdigest() for _ in range(5)]
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
        try:
            hashes += [hashlib.sha256(drain(decoder.open(path)).tobytes()).hexdigest() for _ in range(5)]
        finally:
            for process in busy:
                process.kill()
                process.wait()
        assert len(set(hashes)) == 1

    def test_odd_names_are_opened(self, decoder: VlcDecoder, tmp_path: Path) -> None:
        """Marks of addresses, percents, and bytes that are no UTF-8."""
        for name in ("#1 why?.wav", "50%20.wav", "a:b&c.wav", os.fsdecode(b"caf\xe9.wav")):
            path = write_wav(tmp_path / name, noise(1.0))
            source = decoder.open(str(path))
            assert len(drain(source)) > 40_000, name
            assert source.fault is None


class TestLengthAndStart:
    @pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "opus", "m4a"])
    def test_the_length_is_known_with_the_first_samples(self, decoder: VlcDecoder, tmp_path: Path, suffix: str) -> None:
        """To within 0.15 s, which is the padding of the encoders."""
        path = encode(tmp_path / f"a.{suffix}", noise(9.0, rate_hz=44_100), *FORMATS[suffix], rate_hz=44_100)
        source = decoder.open(str(path))
        assert source.wait_ready(4800, 20.0)
        assert source.duration_s == pytest.approx(9.0, abs=0.15)
        source.close()

    @pytest.mark.parametrize(
        ("suffix", "options", "within_s"),
        [
            ("wav", (), 0.001), ("mp3", (), 0.1), ("mp3", ("-ar", "22050", "-ac", "1"), 0.1),
            ("mp3", ("-q:a", "4"), 0.3),
            ("mp3", ("-b:a", "64k", "-write_xing", "0"), 0.1), ("m4a", (), 0.1), ("flac", (), 0.5), ("ogg", (), 1.1),
            ("opus", (), 1.1),
        ],
    )  # fmt: skip
    def test_a_start_in_the_middle_lands_there(
        self, decoder: VlcDecoder, tmp_path: Path, suffix: str, options: tuple[str, ...], within_s: float
    ) -> None:
        """A sweep of 100 Hz a second tells by its pitch where it is.

        The first two MP3s have Info frames at twice and about half of their bit rate, which libVLC goes by.
        """
        time_s = np.arange(40 * 44_100) / 44_100
        sweep = np.repeat(0.25 * np.sin(2 * np.pi * (500 * time_s + 50 * time_s**2))[:, None], 2, axis=1)
        path = encode(tmp_path / f"a.{suffix}", sweep.astype(np.float32), *options, rate_hz=44_100)
        source = decoder.open(str(path), 20.0)
        assert source.wait_ready(9600, 20.0)
        block = source.read(9600)[4800:, 0]
        source.close()
        pitch_hz = float(np.argmax(np.abs(np.fft.rfft(block * np.hanning(4800), 1 << 17)))) * 48_000 / (1 << 17)
        middle_s = 0.15
        assert (pitch_hz - 500) / 100 - middle_s == pytest.approx(20.0, abs=within_s + 0.03)


class TestBrokenThings:
    def test_what_cannot_be_a_track_says_why(self, decoder: VlcDecoder, tmp_path: Path) -> None:
        """In words that follow the name of the track."""
        (tmp_path / "text.flac").write_text("this is no music\n" * 100)
        (tmp_path / "empty.mp3").touch()
        os.mkfifo(tmp_path / "pipe.mp3")
        assert fault_of(decoder, tmp_path / "text.flac") in {"cannot be opened", "has no sound in it"}
        assert fault_of(decoder, tmp_path / "empty.mp3") == "is empty"
        assert fault_of(decoder, tmp_path / "gone.mp3") == "does not exist"
        assert fault_of(decoder, tmp_path / "gone" / ("x" * 300)) is not None
        assert fault_of(decoder, tmp_path) == "is a folder"
        assert fault_of(decoder, tmp_path / "pipe.mp3") == "is not a regular file"

    def test_a_picture_or_a_mute_film_has_no_sound(self, decoder: VlcDecoder, tmp_path: Path) -> None:
        """Whatever it is called; and it says so at once instead of showing the picture for ten seconds."""
        assert fault_of(decoder, picture(tmp_path / "a.jpg")) == "has no sound in it"
        assert fault_of(decoder, picture(tmp_path / "b.jpg").rename(tmp_path / "b.mp3")) == "has no sound in it"
        assert fault_of(decoder, mute_video(tmp_path / "c.mp4")) == "has no sound in it"

    def test_a_truncated_flac_lacks_its_end_and_says_how_much(self, decoder: VlcDecoder, tmp_path: Path) -> None:
        """FLAC states its length, so this is certain: half of the bytes of noise are half of the 20 s."""
        path = encode(tmp_path / "a.flac", noise(20.0))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        source = decoder.open(str(path))
        assert len(drain(source)) == pytest.approx(10 * 48_000, rel=0.05)
        assert source.fault is not None
        assert source.fault.startswith(("lacks 10s", "lacks 9.", "lacks 11s"))
        assert source.fault.endswith("of its 20s")

    def test_the_container_says_whether_a_length_is_certain_and_not_the_name(
        self, decoder: VlcDecoder, tmp_path: Path
    ) -> None:
        """An MP3 of which the beginning is quiet is guessed too long, also as a .wav; half a FLAC is half of one."""
        sound = np.concatenate((np.zeros((6 * 48_000, 2), np.float32), noise(20.0)))
        mp3 = encode(tmp_path / "a.mp3", sound, "-q:a", "2", "-write_xing", "0").rename(tmp_path / "a.wav")
        whole = decoder.open(str(mp3))
        assert len(drain(whole)) == pytest.approx(26 * 48_000, rel=0.05)
        assert whole.fault is None
        flac = encode(tmp_path / "a.flac", noise(20.0)).rename(tmp_path / "a.music")
        flac.write_bytes(flac.read_bytes()[: flac.stat().st_size // 2])
        half = decoder.open(str(flac))
        drain(half)
        assert str(half.fault).endswith("of its 20s")

    def test_a_truncated_mp3_just_ends(self, decoder: VlcDecoder, tmp_path: Path) -> None:
        """Its length may be wrong, so nothing is claimed."""
        path = encode(tmp_path / "a.mp3", noise(20.0), "-b:a", "128k")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        source = decoder.open(str(path))
        assert len(drain(source)) == pytest.approx(10 * 48_000, rel=0.05)
        assert source.fault is None

    def test_a_damaged_mp3_goes_on_behind_the_damage(self, decoder: VlcDecoder, tmp_path: Path) -> None:
        """Ten stretches of rubbish inside; nothing hangs, most of it is heard, nothing that is not finite."""
        data = bytearray(encode(tmp_path / "a.mp3", noise(10.0), "-b:a", "128k").read_bytes())
        rng = np.random.default_rng(5)
        for at in range(15_000, len(data) - 2_000, 15_000):
            data[at : at + 1000] = rng.bytes(1000)
        (tmp_path / "a.mp3").write_bytes(bytes(data))
        assert len(drain(decoder.open(str(tmp_path / "a.mp3")))) > 8 * 48_000

    def test_a_decoder_that_gives_nothing_is_a_fault(
        self, decoder: VlcDecoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A pipe whose writer says nothing stands for a share that hangs; let in past the check for real files."""
        os.mkfifo(tmp_path / "pipe.mp3")
        monkeypatch.setattr(vlc_source, "unreadable", lambda _path: None)
        monkeypatch.setattr(vlc_source, "look_into", lambda _path: FileContent(None))
        monkeypatch.setattr(vlc_source, "length_of", lambda _path: None)
        holder = os.open(tmp_path / "pipe.mp3", os.O_RDWR)
        try:
            assert fault_of(decoder, tmp_path / "pipe.mp3") == "delivered nothing for 1s"
        finally:
            os.close(holder)

    def test_a_reader_that_pauses_is_no_stall(self, decoder: VlcDecoder, tmp_path: Path) -> None:
        """A full ring may stand for longer than the decoder's patience."""
        source = decoder.open(str(write_wav(tmp_path / "a.wav", noise(20.0))))
        assert not threading.Event().wait(2.5)
        assert source.fault is None
        assert not source.is_finished()
        assert len(drain(source)) > 19 * 48_000

    def test_a_thread_that_cannot_be_begun_is_a_fault_and_costs_no_place(
        self, decoder: VlcDecoder, tmp_path: Path
    ) -> None:
        """The service has a limit of tasks; the engine hears of a track that failed, and later ones open."""
        path = str(write_wav(tmp_path / "a.wav", noise(1.0)))
        with no_more_threads():
            for _ in range(MOST_OF_A_QUARTER + 1):
                assert decoder.open(path).fault == "cannot be opened: there are too many threads"
        assert len(drain(decoder.open(path))) > 40_000

    def test_too_many_stuck_decoders_are_a_fault_and_no_pile_of_threads(
        self, decoder: VlcDecoder, tmp_path: Path
    ) -> None:
        """The eleventh of one share is refused; when they are gone, the next one opens."""
        path = str(write_wav(tmp_path / "a.wav", noise(20.0)))
        sources = [decoder.open(path) for _ in range(MOST_OF_A_QUARTER)]
        refused = decoder.open(path)
        assert refused.is_finished()
        assert refused.fault == f"cannot be opened while 10 earlier tracks from {quarter_of(path)} hang"
        for source in sources:
            source.close()
        for thread in threading.enumerate():
            if thread.name == "lull-decoder":
                thread.join(10.0)
        again = decoder.open(path)
        assert again.wait_ready(4800, 20.0)
        assert again.fault is None
        again.close()


class Web:
    """A web server on the loopback, with what each path answers: (type, body), or a function that sends by itself."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes] | Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked.append(self.path)
                page = web.pages.get(self.path)
                if page is None:
                    self.send_error(404)
                elif callable(page):
                    page(self)
                else:
                    self.send_response(200)
                    self.send_header("Content-Type", page[0])
                    self.send_header("Content-Length", str(len(page[1])))
                    self.end_headers()
                    self.wfile.write(page[1])

            def log_message(self, *_: object) -> None:
                """Nothing is logged."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that hangs up is usual
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        self.root = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def web() -> Iterator[Web]:
    """A server for one test."""
    web = Web()
    yield web
    web.server.shutdown()
    web.server.server_close()
    web.thread.join(5.0)


class TestWeb:
    @pytest.fixture
    def mp3(self, tmp_path: Path) -> bytes:
        """Four seconds."""
        return encode(tmp_path / "web.mp3", noise(4.0), "-b:a", "128k").read_bytes()

    def test_an_address_plays(self, decoder: VlcDecoder, web: Web, mp3: bytes) -> None:
        """As a file does."""
        web.pages["/a.mp3"] = ("audio/mpeg", mp3)
        source = decoder.open(f"{web.root}/a.mp3")
        assert len(drain(source)) > 3.8 * 48_000
        assert source.fault is None

    @pytest.mark.parametrize(
        ("name", "kind", "text"),
        [
            ("/l.m3u", "audio/x-mpegurl", "#EXTM3U\n{0}/a.mp3\n{0}/never.mp3\n"),
            ("/l.pls", "audio/x-scpls", "[playlist]\nFile1={0}/a.mp3\nFile2={0}/never.mp3\nNumberOfEntries=2\n"),
        ],
    )
    def test_an_address_that_is_a_playlist_leads_to_its_first_entry(
        self, decoder: VlcDecoder, web: Web, mp3: bytes, name: str, kind: str, text: str
    ) -> None:
        """Radio stations give out such addresses."""
        web.pages["/a.mp3"] = ("audio/mpeg", mp3)
        web.pages[name] = (kind, text.format(web.root).encode())
        source = decoder.open(web.root + name)
        assert len(drain(source)) > 3.8 * 48_000
        assert source.fault is None
        assert "/never.mp3" not in web.asked

    def test_a_playlist_that_leads_to_itself_ends(self, decoder: VlcDecoder, web: Web) -> None:
        """After three steps, with a fault."""
        web.pages["/l.m3u"] = ("audio/x-mpegurl", f"{web.root}/l.m3u\n".encode())
        assert fault_of(decoder, f"{web.root}/l.m3u") == "is a playlist that refers to more than 3 others"

    def test_the_web_never_leads_to_a_file(self, decoder: VlcDecoder, web: Web, tmp_path: Path) -> None:
        """A playlist from elsewhere has no business on this disk."""
        path = write_wav(tmp_path / "private.wav", noise(2.0))
        web.pages["/l.m3u"] = ("audio/x-mpegurl", f"{path.as_uri()}\n".encode())
        assert fault_of(decoder, f"{web.root}/l.m3u") == "refers to something that is not an http or https address"

    @pytest.mark.parametrize("scheme", ["file", "ftp", "rtsp", "tcp", "alsa", "udp", "screen"])
    def test_a_redirect_to_anything_but_http_is_refused(
        self, decoder: VlcDecoder, web: Web, tmp_path: Path, scheme: str
    ) -> None:
        """The first and every later answer: libVLC would open files, sound cards and other protocols."""
        path = write_wav(tmp_path / "private.wav", noise(2.0))

        def page(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", f"{scheme}://{path}")
            handler.end_headers()

        web.pages["/radio"] = page
        assert fault_of(decoder, f"{web.root}/radio") == "refers to something that is not an http or https address"

    def test_redirects_are_followed_and_bounded(self, decoder: VlcDecoder, web: Web, mp3: bytes) -> None:
        """One to another path plays; a circle ends after five."""

        def lead(place: str) -> Callable[[BaseHTTPRequestHandler], None]:
            def page(handler: BaseHTTPRequestHandler) -> None:
                handler.send_response(301)
                handler.send_header("Location", place)
                handler.end_headers()

            return page

        web.pages.update({"/a.mp3": ("audio/mpeg", mp3), "/old": lead("a.mp3"), "/circle": lead("/circle")})
        assert len(drain(decoder.open(f"{web.root}/old"))) > 3.8 * 48_000
        assert fault_of(decoder, f"{web.root}/circle") == "is redirected more than 5 times"

    def test_a_dead_first_mirror_leads_to_the_second(self, decoder: VlcDecoder, web: Web, mp3: bytes) -> None:
        """Relative entries are those of the list's own address."""
        web.pages["/a.mp3"] = ("audio/mpeg", mp3)
        web.pages["/l.pls"] = ("audio/x-scpls", b"[playlist]\nFile1=http://127.0.0.1:9/x\nFile2=a.mp3\n")
        assert len(drain(decoder.open(f"{web.root}/l.pls"))) > 3.8 * 48_000

    @pytest.mark.parametrize(
        ("body", "fault"),
        [
            (b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n/seg.ts\n", "is an HLS stream"),
            (b'<?xml version="1.0"?><MPD><BaseURL>/seg</BaseURL></MPD>', "delivers a web page or compressed data"),
            (b"<html><body>Log in</body></html>", "delivers a web page or compressed data"),
            (b"\x1f\x8b" + b"x" * 100, "delivers a web page or compressed data"),
            (b"", "delivers no sound"),
        ],
    )
    def test_what_is_no_sound_is_named_and_asks_for_nothing_more(
        self, decoder: VlcDecoder, web: Web, body: bytes, fault: str
    ) -> None:
        """Manifests, pages and packed data, called audio by the server; one request, whatever they name."""
        web.pages["/radio"] = ("audio/mpeg", body)
        assert (fault_of(decoder, f"{web.root}/radio") or "").startswith(fault)
        assert web.asked == ["/radio"]

    @pytest.mark.parametrize("before", [b"", b"ID3\x04\0\0\0\0\0\x0a" + b"\0" * 10, b"\xef\xbb\xbf"])
    def test_a_manifest_called_mp3_makes_no_request(
        self, decoder: VlcDecoder, web: Web, tmp_path: Path, before: bytes
    ) -> None:
        """A file on the disk, behind a tag or a mark as well, since libVLC skips those."""
        text = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{web.root}/seg.ts\n#EXT-X-ENDLIST\n"
        (tmp_path / "rain.mp3").write_bytes(before + text.encode())
        assert "is a playlist" in (fault_of(decoder, tmp_path / "rain.mp3") or "")
        assert web.asked == []

    def test_a_shoutcast_answer_plays(self, decoder: VlcDecoder, web: Web, mp3: bytes) -> None:
        """Its first line begins with ICY instead of HTTP."""

        def page(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(b"ICY 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n" + mp3)

        web.pages["/live"] = page
        source = decoder.open(f"{web.root}/live")
        assert source.wait_ready(48_000, 10.0)
        assert source.frames_ready() >= 48_000
        source.close()

    def test_a_missing_address_or_server_is_a_fault(self, decoder: VlcDecoder, web: Web) -> None:
        """Not found, and nobody there; port 9 of the loopback is closed."""
        assert fault_of(decoder, f"{web.root}/gone.mp3") == "cannot be opened: the server answers 404 Not Found"
        assert fault_of(decoder, "http://127.0.0.1:9/a.mp3") == "cannot be opened: Connection refused"

    def test_a_server_that_falls_silent_is_a_fault_and_can_be_closed(
        self, decoder: VlcDecoder, web: Web, mp3: bytes
    ) -> None:
        """What came before is heard; closing it takes no time although the connection hangs."""
        release = threading.Event()

        def page(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "audio/mpeg")
            handler.end_headers()
            handler.wfile.write(mp3)
            release.wait(20.0)

        web.pages["/live"] = page
        source = decoder.open(f"{web.root}/live")
        heard = drain(source)
        assert len(heard) > 3 * 48_000
        assert source.fault == "delivered nothing for 1s"
        release.set()


class TestManners:
    def test_closing_a_held_back_decoder_takes_no_time(self, decoder: VlcDecoder, tmp_path: Path) -> None:
        """The ring is full, the decoder waits in its callback; close returns at once and the keeper ends soon."""
        source = decoder.open(str(write_wav(tmp_path / "a.wav", noise(20.0))))
        waiting = threading.Event()
        while not source.ring.is_writer_waiting:
            waiting.wait(0.005)
        keeper = next(thread for thread in threading.enumerate() if thread.name == "lull-decoder")
        source.close()
        keeper.join(2.0)
        assert not keeper.is_alive()

    def test_sixty_tracks_leave_no_thread_file_or_ring(self, decoder: VlcDecoder, tmp_path: Path) -> None:
        """Opened at several places and closed at once, at the start or in the middle."""
        path = str(encode(tmp_path / "a.mp3", noise(10.0)))

        def round_of(count: int) -> tuple[int, int]:
            for index in range(count):
                source = decoder.open(path, float(index % 4))
                if index % 3:
                    source.wait_ready(4800, 20.0)
                    source.read(4800)
                source.close()
                for thread in threading.enumerate():
                    if thread.name == "lull-decoder":
                        thread.join(10.0)
            return left_open()

        def left_open() -> tuple[int, int]:
            return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

        threads, files = round_of(10)
        round_of(60)
        give_up_s = time.monotonic() + 5.0
        while left_open() > (threads, files) and time.monotonic() < give_up_s:
            time.sleep(0.05)  # the kernel may still be taking a joined thread down
        # a leak would be 60; a few belong to whatever else this process did before and is still winding up
        assert left_open()[0] < threads + 10
        assert left_open()[1] < files + 10

    def test_nothing_is_written_to_the_terminal(self, tmp_path: Path) -> None:
        """Whatever is opened: libVLC's and its plugins' complaints stay inside."""
        good = encode(tmp_path / "a.mp3", noise(2.0, rate_hz=44_100), rate_hz=44_100)
        data = bytearray(good.read_bytes())
        data[5000:9000] = b"\xff" * 4000
        (tmp_path / "bad.mp3").write_bytes(bytes(data))
        (tmp_path / "text.flac").write_text("no music")
        program = (
            "import sys\nfrom player.audio.decoder.vlc_decoder import VlcDecoder\ndecoder = VlcDecoder()\n"
            "for path in sys.argv[1:]:\n"
            "    source = decoder.open(path)\n"
            "    while not source.is_finished(): source.wait_ready(48000, 5.0); source.read(48000)\n"
            "    source.close()\n"
        )
        names = ["a.mp3", "bad.mp3", "text.flac", "gone.ogg"]
        done = subprocess.run(
            [sys.executable, "-c", program, *(str(tmp_path / name) for name in names), "http://127.0.0.1:9/x.mp3"],
            capture_output=True, check=True, timeout=60, cwd=ROOT,
            env={**os.environ, "HOME": str(tmp_path / "home")},
        )  # fmt: skip
        assert (done.stdout, done.stderr) == (b"", b"")

    def test_nothing_is_written_to_the_disk(self, tmp_path: Path) -> None:
        """No settings, no history, and no copy of the cover inside an MP3: SD cards are short-lived."""
        cover = picture(tmp_path / "cover.jpg")
        path = tmp_path / "a.mp3"
        song = encode(tmp_path / "plain.mp3", noise(2.0))
        command = ["ffmpeg", "-v", "error", "-i", str(song), "-i", str(cover), "-map", "0", "-map", "1", "-c", "copy"]
        subprocess.run([*command, "-id3v2_version", "3", str(path)], check=True, timeout=60)
        home = tmp_path / "home"
        home.mkdir()
        program = (
            "import sys\nfrom player.audio.decoder.vlc_decoder import VlcDecoder\n"
            "source = VlcDecoder().open(sys.argv[1])\n"
            "while not source.is_finished(): source.wait_ready(48000, 5.0); source.read(48000)\n"
            "assert source.ring.written_frames > 48000\n"
        )
        environment = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
        subprocess.run(
            [sys.executable, "-c", program, str(path)],
            check=True, timeout=60, cwd=ROOT, env={**environment, "HOME": str(home)},
        )  # fmt: skip
        assert [str(found) for found in home.rglob("*") if found.is_file()] == []

    @pytest.mark.parametrize("choice", ["soxr,speex_resampler,any", "absent,speex_resampler,any", "absent,any"])
    def test_a_resampler_that_is_absent_is_replaced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str
    ) -> None:
        """VLC is built without soxr in places; the tone comes through all the same."""
        options = [option for option in vlc_source.INSTANCE_OPTIONS if not option.startswith("--audio-resampler")]
        monkeypatch.setattr(vlc_source, "INSTANCE_OPTIONS", (*options, f"--audio-resampler={choice}"))
        path = write_wav(tmp_path / "a.wav", sine(1000, 2.0, rate_hz=44_100), 44_100)
        audio = drain(VlcDecoder().open(str(path)))
        assert int(np.argmax(np.abs(np.fft.rfft(audio[24_000:72_000, 0])))) == 1000


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_measured_is_what_is_played(decoder: VlcDecoder, tmp_path: Path, kind: str) -> None:
    """Through the pipe come the samples that come through the ring, bit by bit: a plan is aligned with what sounds."""
    path = encode(tmp_path / f"track.{kind}", noise(3.0, rate_hz=44_100), *FORMATS[kind], rate_hz=44_100)
    played = drain(decoder.open(str(path)))
    measured = drain(VlcDecoder(DecoderSettings(is_piped=True)).open(str(path)))
    assert np.array_equal(measured, played)


@pytest.mark.slow
def test_large_blocks_are_given_back_where_a_track_plays_and_kept_where_files_are_measured() -> None:
    """The tables of an M4A of hours are freed with it: glibc would keep them once a larger block was freed before."""
    code = """
import ctypes, sys
from player.audio.decoder.vlc_decoder import DecoderSettings, VlcDecoder
decoder = VlcDecoder(DecoderSettings(is_piped=sys.argv[1] == "piped"))
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
def filled(size):
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    return block
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
libc.free(filled(24 << 20))
table, wall = filled(16 << 20), filled(100 << 10)
before = resident()
libc.free(table)
print(before - resident() > 12 << 20)
"""
    for kind, expected in (("played", "True"), ("piped", "False")):
        found = subprocess.run([sys.executable, "-c", code, kind], capture_output=True, text=True, check=True, cwd=ROOT)
        assert found.stdout.strip() == expected
