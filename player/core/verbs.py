"""Every verb, declared once; payload parser, command line, JSON Schema and documents are made from these declarations.

To add a verb:

1. `player.core.commands`: write the dataclass of the command with its ``VERB``; put it into `Command`.
2. Here: declare the verb. Arguments take a `Kind` of `player.core.arguments`, whose bounds the command checks.
3. `player.session.commands`: carry it out.
4. ``python -m player.mqtt.reference`` rewrites docs/mqtt.md and the schemas. Tests hold them against this file.
"""

from __future__ import annotations

from typing import Final

from player.core import arguments as kinds
from player.core import commands, commands_level
from player.core import verb_makers as makers
from player.core.commands import MAX_ANSWERED, Command
from player.core.commands_level import MoveBed, SetBed, SetBedGain
from player.core.errors import Refused, did_you_mean
from player.core.json_text import quoted
from player.core.settings.bed import Bed
from player.core.values import MAX_TEXT, Value
from player.core.verb import Argument, Verb


def to_command(name: str, value: Value) -> Command:
    """The command of a verb and its value. Raises Refused, with the verb and the choices, for what there is not."""
    verb = VERBS.get(verb_named(name))
    if verb is None:
        meant = f"{quoted(name)}{did_you_mean(name[:MAX_TEXT], VERBS)}"
        raise Refused(f"unknown command {meant}; valid commands: {', '.join(VERBS)}")
    return verb.command(value)


def is_taken(name: str) -> bool:
    """Whether a playlist of that name could not be asked for: `play` or `bed` take the word for something else."""
    return (VERBS["play"].meaning(name), VERBS["bed"].meaning(name)) != (commands.Play(name), SetBed((Bed(name),)))


def verb_named(word: str) -> str:
    """The name of the verb that a word means: hyphens count as underscores, and some verbs have a short form."""
    name = word.replace("-", "_")
    return SHORT_FORMS.get(name, name)


SHORT_FORMS: Final = {"vol": "volume"}
PLAYLIST: Final = Argument("playlist", kinds.TEXT, "what to play; the default one if not given", "PLAYLIST")
VOLUME: Final = Argument("volume", kinds.VOLUME, "the volume", "N")
TIMER: Final = Argument("timer", kinds.TIMER, "when it is to be silent", "T")

_DECLARED: Final = (
    Verb(
        makes=(commands.Play,),
        brief="start, or change what plays",
        about="Start from silence, with a slow fade-in. While something plays, change only what is named: another "
        "playlist is blended in, a volume or timer is set. A track is one of the library, by its title or a part of it "
        "that no other title has; paths and addresses are not accepted. A paused or fading session comes back.",
        arguments=(
            PLAYLIST,
            VOLUME,
            TIMER,
            Argument("fade_in", kinds.FADE_IN, "length of the fade-in, never faster than 6 dB/s", "T", "fade_in_s"),
            Argument("fade_out", kinds.FADE_OUT_S, "length of the fade-out", "T", "fade_out_s"),
            Argument("track", kinds.TITLE, "begin with this track of the library: its title, or a part of it", "TITLE"),
            Argument("then", kinds.PHASES, "what follows when the timer ends; [] for nothing", "JSON"),
            Argument("bed", kinds.BED, "what plays under the tracks", "NAME|JSON|off"),
        ),
        plain="playlist",
        words={"on": {}, "true": {}},
        obeys_off=False,
        examples=(
            "", "rain", "ON", '{"playlist": "rain", "volume": 25, "timer": "1h", "fade_in": "2m"}',
            '{"track": "Drops"}',
            '{"playlist": "whispers", "timer": "45m", "then": [{"playlist": "brown", "volume": 15, "until": "06:30"}]}',
            '{"playlist": "whispers", "bed": {"playlist": "rain", "gain": -18, "outlasts": "20m"}}',
        ),
        to_type=("play", "play rain --volume 25 --timer 1h"),
    ),
    Verb(
        makes=(commands.Stop,),
        brief="fade out and end the session",
        about="Fade out in the configured time (4 s) and end the session, its sleep timer with it; now does it in half "
        "a second. Every payload stops it.",
        arguments=(Argument("now", kinds.SWITCH, "by the shortest fade that does not sound like a cut (0.5 s)"),),
        words={"now": {"now": True}},
        examples=("", "now", '{"now": true}', "PRESS", "OFF"),
        to_type=("stop", "stop --now"),
    ),
    Verb(
        makes=(commands.Pause,),
        brief="pause and keep the position",
        about="Fade to silence and keep the position. Every plain text pauses it.",
        examples=("", "PRESS", "OFF"),
    ),
    Verb(
        makes=(commands.Resume,),
        brief="continue after a pause",
        about="Rise from silence where it was paused, or cancel a running fade-out.",
        obeys_off=False,
        examples=("", "PRESS", "ON"),
    ),
    Verb(
        makes=(commands.Toggle,),
        brief="one button: play, pause, resume",
        about="Play when idle, pause when playing, resume when paused. It is refused while a stop fades, so that a "
        "second press on one button brings nothing back; play cancels a stop.",
        obeys_off=False,
        examples=("", "PRESS", "ON"),
    ),
    Verb(
        makes=(commands.Next,),
        brief="go to another track",
        about="Fall silent, then rise with another track; in a track with chapters, with its next chapter.",
        obeys_off=False,
        examples=("", "PRESS", "ON"),
    ),
    Verb(
        makes=(commands.Previous,),
        brief="go back to the track before",
        about="Fall silent, then rise with the track before this one, or if there is none with the beginning of this "
        "one. In a track with chapters: with the beginning of the chapter, or in its first 10 s with the one before.",
        obeys_off=False,
        examples=("", "PRESS", "ON"),
    ),
    Verb(
        makes=(commands.Advance,),
        brief="go to the next phase of the night",
        about="Go to the next phase now (then of a playlist, a schedule entry or play); it is blended in, and its own "
        "timer begins.",
        obeys_off=False,
        examples=("", "PRESS", "ON"),
    ),
    Verb(
        makes=(commands.Seek,),
        brief="move within the track",
        about="Move within the track, through silence: to a place, or with a sign by a distance.",
        arguments=(Argument("position", kinds.PLACE, "the place, or the distance", "POS|+N|-N", is_required=True),),
        make=makers.seek,
        plain="position",
        examples=("90", "1:30", "1:02:03", "90s", "+30", "-1:00", '{"position": 90}'),
        to_type=("seek 3:20      to that place", "seek +30       30 s forward", "seek -2m       two minutes back"),
    ),
    Verb(
        makes=(commands.SetVolume, commands_level.SetLevel),
        brief="set or change the volume",
        about="Move to a volume; it never rises faster than 6 dB/s. 0 is silence, each point is half a decibel, up and "
        "down (also + and -) are 4 points. Above the cap of the night it is held at the cap, and the answer says so. "
        "After calibrate, 35 dBA is the volume at which noise has 35 dB(A) at the pillow.",
        arguments=(
            Argument(
                "volume", kinds.VOLUME_AMOUNT, "the volume, or the step", "N|+N|-N", is_required=True, is_phrase=True
            ),
        ),
        make=makers.volume,
        plain="volume",
        examples=("30", "30%", "+5", "-5", "up", "down", "+", "-", "35 dBA", '{"volume": 30}'),
        to_type=("volume 30", "volume -5", "vol +           one step up"),
    ),
    Verb(
        makes=(SetBed, SetBedGain, MoveBed),
        brief="play something quiet under the tracks",
        about="Play another playlist under the tracks, 12 dB below them if no gain is given; off ends it. It comes and "
        "goes within 20 s. With a sign it becomes louder or softer by that many decibels; a gain alone is its level. "
        "It continues through the phases of the night until one of them names another bed. When idle, set the bed of "
        "the next session that is started by hand.",
        arguments=(
            Argument("bed", kinds.BED_OR_STEP, "what it is to be", "NAME|off|+N|-N", is_required=True),
        ),
        make=makers.bed,
        plain="bed",
        examples=(
            "rain", "off", "+2", "-2", '{"bed": {"playlist": "rain", "gain": -18, "outlasts": "20m"}}',
            '{"bed": ["rain", {"playlist": "fan", "gain": -20}]}',
        ),
        to_type=("bed rain", "bed -2         2 dB softer", "bed off"),
    ),
    Verb(
        makes=(commands.SetTimer, commands.ExtendTimer, commands.ShortenTimer),
        brief="set the sleep timer",
        about="Set the sleep timer from now, until a time of day (tomorrow's if today's has passed), switch it off, or "
        "with a sign move its end; the fade-out is over when it ends. at-most makes it shorter and never longer. "
        "When idle, set that of the next session that is started by hand.",
        arguments=(
            Argument(
                "timer",
                kinds.TIMER_OR_STEP,
                "when it is to be silent",
                "WHEN",
                is_required=True,
                in_units=True,
                is_phrase=True,
            ),
        ),
        make=makers.timer,
        plain="timer",
        examples=(
            "45m", "30 min", "1h30", "0:45:00", "45", "off", "end-of-track", "end-of-playlist", "+15m", "-15m",
            "until 06:30", "at-most 10m",
            '{"minutes": 45}', '{"seconds": 90}', '{"timer": "45m"}',
        ),
        to_type=(
            "timer 45m",
            "timer +15m           a quarter of an hour longer",
            "timer at-most 10m    silent within ten minutes, or sooner",
            "timer until 06:30",
            "timer off",
        ),
    ),
    Verb(
        makes=(commands.ExtendTimer,),
        brief="move the end of the sleep timer",
        about="Move the end of the sleep timer, by a quarter of an hour without a value; a negative length "
        "moves it closer.",
        arguments=(Argument("by", kinds.TIMER_SHIFT, "by how much", "T|-T", "by_s", in_units=True),),
        plain="by",
        examples=("", "20", "20m", "-5", '{"minutes": 15}', '{"seconds": 90}', '{"by": "1h"}'),
        to_type=("extend", "extend 1h", "extend -5m     sooner"),
    ),
    Verb(
        makes=(commands.Asleep,),
        brief="say that somebody has fallen asleep",
        about="For a phone, a watch or a bed sensor that notices sleep: from now on the guard is strict, the cap of "
        "the night is in force and the volume sinks as it otherwise would later, and it is silent within "
        "session.asleep_timer (20 min). Nothing becomes longer or louder by it.",
        obeys_off=False,
        instead_of_off="use awake",
        examples=("", "PRESS", "ON"),
    ),
    Verb(
        makes=(commands.Awake,),
        brief="undo asleep",
        about="Undo asleep: the session ends when a person had asked it to end. The volume, the strict guard and "
        "a fade-out that has begun stay, so that nobody who merely turned over is woken; "
        "volume, timer and play change them.",
        obeys_off=False,
        instead_of_off="use asleep",
        examples=("", "PRESS", "ON"),
    ),
    Verb(
        makes=(commands.Snooze,),
        brief="put a morning off for some minutes",
        about="Put a morning off (kind: morning in the schedule): it falls silent, its lamp goes out, and it comes "
        "back slowly after nine minutes, or the given time. Its end moves by as much. It is refused if no morning is "
        "playing. resume ends a snooze, stop ends the morning.",
        arguments=(Argument("snooze", kinds.SNOOZE, "for how long", "T", "for_s", in_units=True),),
        plain="snooze",
        words={"on": {}, "true": {}},
        obeys_off=False,
        examples=("", "5", "5m", '{"minutes": 5}', "PRESS", "ON"),
        to_type=("snooze", "snooze 5m"),
    ),
    Verb(
        makes=(commands.SetFade,),
        brief="set the length of the fade-out",
        about="Set how long the fade-out takes: of this session, or of the next one that is started by hand.",
        arguments=(
            Argument("fade", kinds.FADE_OUT, "the length", "T", "fade_out_s", is_required=True, in_units=True),
        ),
        plain="fade",
        examples=("10m", "90s", "10", '{"minutes": 10}', '{"seconds": 90}', '{"fade": "10m"}'),
        to_type=("fade 10m", "fade 90s"),
    ),
    Verb(
        makes=(commands.SetPlaylist,),
        brief="choose the playlist",
        about="Choose the playlist: blended in while playing, otherwise what play starts next.",
        arguments=(Argument("playlist", kinds.TEXT, "a playlist of the config", "NAME", is_required=True),),
        plain="playlist",
        examples=("rain", '{"playlist": "rain"}'),
        to_type=("playlist rain",),
    ),
    Verb(
        makes=(commands.NeverAgain, commands.AllowAgain),
        brief="never play a track again",
        about="Ban the track that plays, or the one that is named, and change to another; undo lifts the latest ban, "
        "or that of the track that is named.",
        arguments=(
            Argument("track", kinds.TITLE_OR_PATH, "title, part of it, or path; what plays if not given", "TRACK"),
            Argument("undo", kinds.SWITCH, "allow it again; without a track the one banned last"),
        ),
        make=makers.never_again,
        plain="track",
        words={"undo": {"undo": True}, "on": {}, "true": {}},
        examples=("", "Drops", "undo", '{"track": "Drops"}', '{"track": "Drops", "undo": true}'),
        to_type=("never_again", "never_again --undo     undo the latest ban"),
    ),
    Verb(
        makes=(commands.Like,),
        brief="remember that a track is liked",
        about="Remember the track that plays, or the one that is named, as liked. Liked tracks are the playlist "
        "favourites and are listed first for remotes. never_again removes the like.",
        arguments=(Argument("track", kinds.TITLE, "its title, or a part of it; what plays if not given", "TITLE"),),
        plain="track",
        words={"on": {}, "true": {}},
        obeys_off=False,
        instead_of_off="use unlike",
        examples=("", "Drops", "ON", '{"track": "Drops"}'),
        to_type=("like", 'like "Gentle Rain"', "play favourites"),
    ),
    Verb(
        makes=(commands.Unlike,),
        brief="undo like",
        about="The track that plays, or the one that is named, is no longer liked.",
        arguments=(Argument("track", kinds.TITLE, "its title, or a part of it; what plays if not given", "TITLE"),),
        plain="track",
        words={"on": {}, "true": {}},
        examples=("", "Drops", '{"track": "Drops"}'),
        to_type=("unlike", "unlike Drops"),
    ),
    Verb(
        makes=(commands.Tonight, commands.NotTonight),
        brief="plan a start for once",
        about="Start once, when the clock next shows that time, in addition to the schedule; it replaces "
        "what is playing then. The phases that follow are those of its playlist.",
        arguments=(
            Argument("at", kinds.TIME_OF_DAY, "the local time, or off", "HH:MM|off"),
            PLAYLIST,
            VOLUME,
            TIMER,
            Argument("off", kinds.SWITCH, "cancel the planned start"),
        ),
        make=makers.tonight,
        plain="at",
        words={"off": {"off": True}},
        examples=("23:15", '{"at": "23:15", "playlist": "rain", "volume": 20, "timer": "45m"}', "off"),
        to_type=("tonight 23:15 --playlist rain", "tonight off            cancel it"),
    ),
    Verb(
        makes=(commands.SkipTonight,),
        brief="skip tonight in the schedule",
        about="Let the schedule start nothing tonight (until noon); off undoes that. From six in the morning on, "
        "tonight is the coming night. Starts by hand are not affected.",
        arguments=(Argument("skip", kinds.FLIP, "what it is to be; on", "on|off|toggle", "is_skipped"),),
        plain="skip",
        examples=("", "on", "off", "toggle", '{"skip": false}'),
    ),
    Verb(
        makes=(commands.SetSchedule, commands.SetStartTime, commands.ChangeEntry),
        brief="list the coming starts, or switch the schedule",
        about="Switch the schedule on or off, or one entry of it; with at move an entry to another time, with days, "
        "playlist and volume change those, each kept until the config says something else; reset takes all of it "
        "back. What is playing continues.",
        arguments=(
            Argument("enabled", kinds.FLIP_SCHEDULE, "what it is to be", "on|off|toggle"),
            Argument("entry", kinds.TEXT, "only this entry of the schedule", "NAME"),
            Argument("at", kinds.CONFIGURED_TIME, "move that entry to this time", "HH:MM|config"),
            Argument("days", kinds.CONFIGURED_DAYS, "its days", "DAYS|config"),
            Argument("playlist", kinds.CONFIGURED_PLAYLIST, "what it plays", "NAME|config"),
            Argument("volume", kinds.CONFIGURED_VOLUME, "its volume", "N|config"),
            Argument("reset", kinds.SWITCH, "that entry as the config has it"),
        ),
        make=makers.schedule,
        plain="enabled",
        examples=(
            "on", "off", "toggle", '{"enabled": false}', '{"entry": "weeknights", "enabled": false}',
            '{"entry": "weeknights", "at": "23:00"}', '{"entry": "weeknights", "days": "mon tue", "volume": 20}',
            '{"entry": "weeknights", "playlist": "rain"}', '{"entry": "weeknights", "reset": true}',
        ),
        to_type=(
            "schedule --from 2026-12-24", "schedule off --entry weekend", "schedule --entry weekend --days fri,sat",
        ),
    ),
    Verb(
        makes=(commands.GetTracks,),
        brief="list the tracks that can be played",
        about="Change nothing; the answer lists tracks that can be played, those that are liked first: all of them, or "
        f"those with the text in their title or of the playlist of that name; at most {MAX_ANSWERED}.",
        arguments=(Argument("text", kinds.TITLE, "a part of the title, or a playlist", "TEXT", is_phrase=True),),
        plain="text",
        examples=("", "rain", '{"text": "gentle rain"}'),
        to_type=("tracks", "tracks gentle rain", 'play --track "Gentle Rain"'),
    ),
    Verb(
        makes=(commands_level.Calibrate, commands_level.NoteReading),
        brief="measure how loud it is at the pillow",
        about="Play noise at the highest volume for five minutes, so that a phone or a meter at the pillow can say how "
        "loud it is in dB(A); then, given that reading, save it and end the noise. From then on the state shows the "
        "level at the pillow, and volumes may be written in dB(A). It is refused while a session is running.",
        arguments=(Argument("reading", kinds.READING, "what the meter reads", "DBA"),),
        make=makers.calibrate,
        plain="reading",
        words={"on": {}, "true": {}},
        obeys_off=False,
        examples=("", "41.5", "41.5 dBA", '{"reading": 41.5}'),
        to_type=("calibrate", "calibrate 41.5     what the meter at the pillow reads"),
    ),
    Verb(
        makes=(commands.GetStatus,),
        brief="show what the speaker does",
        about="Change nothing; the answer holds the state: what plays, volume, sleep timer, next start, and what is "
        "wrong.",
    ),
)  # fmt: skip

VERBS: Final = {verb.name: verb for verb in _DECLARED}
"""Every verb by its name, in the order in which they are listed to people."""
