"""Builds the native kernel of the audio path, where there is a compiler; everything else stands in pyproject.toml."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "player.audio.dsp._kernel",
            ["player/audio/dsp/kernel.c"],
            depends=["player/audio/dsp/hearing.c", "player/audio/dsp/calm.c", "player/audio/dsp/ring.c"],
            extra_compile_args=["-O3", "-std=c99", "-ffp-contract=off"],
            optional=True,  # without a compiler lull works too, and `lull doctor` says so
        )
    ]
)
