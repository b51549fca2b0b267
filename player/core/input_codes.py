"""Names of keys and turns of the kernel's input devices, as in its ``input-event-codes.h``. Pure, any thread.

A key is named as the kernel names it (``KEY_PLAYPAUSE``), one without a name here by its number (``KEY_592``). A turn
of a relative axis is the axis and its direction (``REL_X+``, ``REL_X-``). What a press says is a word: the name for a
press, and with `LONG` or `DOUBLE` behind it for a long or a double one.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from player.core.errors import did_you_mean

LONG: Final = "long"
DOUBLE: Final = "double"
KEYS: Final = 0x300
"""Codes of keys are below this."""
AXES: Final = ("X", "Y", "Z", "RX", "RY", "RZ", "HWHEEL", "DIAL", "WHEEL", "MISC")
"""The relative axes, by code; those of higher resolution repeat what the wheels say."""
EXAMPLES: Final = "KEY_PLAYPAUSE, KEY_PLAYPAUSE long, KEY_PLAYPAUSE double, REL_X+ or REL_X-"

_RUNS: Final = (
    (
        0x1,
        "KEY_",
        "ESC 1 2 3 4 5 6 7 8 9 0 MINUS EQUAL BACKSPACE TAB Q W E R T Y U I O P LEFTBRACE RIGHTBRACE ENTER "
        "LEFTCTRL A S D F G H J K L SEMICOLON APOSTROPHE GRAVE LEFTSHIFT BACKSLASH Z X C V B N M COMMA DOT SLASH "
        "RIGHTSHIFT KPASTERISK LEFTALT SPACE CAPSLOCK F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NUMLOCK SCROLLLOCK KP7 KP8 "
        "KP9 KPMINUS KP4 KP5 KP6 KPPLUS KP1 KP2 KP3 KP0 KPDOT",
    ),
    (
        0x55,
        "KEY_",
        "ZENKAKUHANKAKU 102ND F11 F12 RO KATAKANA HIRAGANA HENKAN KATAKANAHIRAGANA MUHENKAN KPJPCOMMA KPENTER "
        "RIGHTCTRL KPSLASH SYSRQ RIGHTALT LINEFEED HOME UP PAGEUP LEFT RIGHT END DOWN PAGEDOWN INSERT DELETE "
        "MACRO MUTE VOLUMEDOWN VOLUMEUP POWER KPEQUAL KPPLUSMINUS PAUSE SCALE KPCOMMA HANGEUL HANJA YEN LEFTMETA "
        "RIGHTMETA COMPOSE STOP AGAIN PROPS UNDO FRONT COPY OPEN PASTE FIND CUT HELP MENU CALC SETUP SLEEP WAKEUP "
        "FILE SENDFILE DELETEFILE XFER PROG1 PROG2 WWW MSDOS COFFEE ROTATE_DISPLAY CYCLEWINDOWS MAIL BOOKMARKS "
        "COMPUTER BACK FORWARD CLOSECD EJECTCD EJECTCLOSECD NEXTSONG PLAYPAUSE PREVIOUSSONG STOPCD RECORD REWIND "
        "PHONE ISO CONFIG HOMEPAGE REFRESH EXIT MOVE EDIT SCROLLUP SCROLLDOWN KPLEFTPAREN KPRIGHTPAREN NEW REDO "
        "F13 F14 F15 F16 F17 F18 F19 F20 F21 F22 F23 F24",
    ),
    (
        0xC8,
        "KEY_",
        "PLAYCD PAUSECD PROG3 PROG4 ALL_APPLICATIONS SUSPEND CLOSE PLAY FASTFORWARD BASSBOOST PRINT HP CAMERA "
        "SOUND QUESTION EMAIL CHAT SEARCH CONNECT FINANCE SPORT SHOP ALTERASE CANCEL BRIGHTNESSDOWN BRIGHTNESSUP "
        "MEDIA SWITCHVIDEOMODE KBDILLUMTOGGLE KBDILLUMDOWN KBDILLUMUP SEND REPLY FORWARDMAIL SAVE DOCUMENTS "
        "BATTERY BLUETOOTH WLAN UWB UNKNOWN VIDEO_NEXT VIDEO_PREV BRIGHTNESS_CYCLE BRIGHTNESS_AUTO DISPLAY_OFF "
        "WWAN RFKILL MICMUTE",
    ),
    (
        0x100,
        "BTN_",
        "0 1 2 3 4 5 6 7 8 9",
    ),
    (
        0x110,
        "BTN_",
        "LEFT RIGHT MIDDLE SIDE EXTRA FORWARD BACK TASK",
    ),
    (
        0x120,
        "BTN_",
        "TRIGGER THUMB THUMB2 TOP TOP2 PINKIE BASE BASE2 BASE3 BASE4 BASE5 BASE6",
    ),
    (
        0x12F,
        "BTN_",
        "DEAD SOUTH EAST C NORTH WEST Z TL TR TL2 TR2 SELECT START MODE THUMBL THUMBR",
    ),
    (
        0x160,
        "KEY_",
        "OK SELECT GOTO CLEAR POWER2 OPTION INFO TIME VENDOR ARCHIVE PROGRAM CHANNEL FAVORITES EPG PVR MHP "
        "LANGUAGE TITLE SUBTITLE ANGLE FULL_SCREEN MODE KEYBOARD ASPECT_RATIO PC TV TV2 VCR VCR2 SAT SAT2 CD TAPE "
        "RADIO TUNER PLAYER TEXT DVD AUX MP3 AUDIO VIDEO DIRECTORY LIST MEMO CALENDAR RED GREEN YELLOW BLUE "
        "CHANNELUP CHANNELDOWN FIRST LAST AB NEXT RESTART SLOW SHUFFLE BREAK PREVIOUS DIGITS TEEN TWEN VIDEOPHONE "
        "GAMES ZOOMIN ZOOMOUT ZOOMRESET WORDPROCESSOR EDITOR SPREADSHEET GRAPHICSEDITOR PRESENTATION DATABASE "
        "NEWS VOICEMAIL ADDRESSBOOK MESSENGER DISPLAYTOGGLE SPELLCHECK LOGOFF DOLLAR EURO FRAMEBACK FRAMEFORWARD "
        "CONTEXT_MENU MEDIA_REPEAT 10CHANNELSUP 10CHANNELSDOWN IMAGES",
    ),
    (
        0x200,
        "KEY_",
        "NUMERIC_0 NUMERIC_1 NUMERIC_2 NUMERIC_3 NUMERIC_4 NUMERIC_5 NUMERIC_6 NUMERIC_7 NUMERIC_8 NUMERIC_9 "
        "NUMERIC_STAR NUMERIC_POUND NUMERIC_A NUMERIC_B NUMERIC_C NUMERIC_D CAMERA_FOCUS WPS_BUTTON "
        "TOUCHPAD_TOGGLE TOUCHPAD_ON TOUCHPAD_OFF CAMERA_ZOOMIN CAMERA_ZOOMOUT CAMERA_UP CAMERA_DOWN CAMERA_LEFT "
        "CAMERA_RIGHT ATTENDANT_ON ATTENDANT_OFF ATTENDANT_TOGGLE LIGHTS_TOGGLE",
    ),
    (
        0x220,
        "BTN_",
        "DPAD_UP DPAD_DOWN DPAD_LEFT DPAD_RIGHT",
    ),
    (
        0x2C0,
        "BTN_",
        "TRIGGER_HAPPY TRIGGER_HAPPY2 TRIGGER_HAPPY3 TRIGGER_HAPPY4 TRIGGER_HAPPY5 TRIGGER_HAPPY6 TRIGGER_HAPPY7 "
        "TRIGGER_HAPPY8 TRIGGER_HAPPY9 TRIGGER_HAPPY10 TRIGGER_HAPPY11 TRIGGER_HAPPY12 TRIGGER_HAPPY13 "
        "TRIGGER_HAPPY14 TRIGGER_HAPPY15 TRIGGER_HAPPY16",
    ),
)
"""The first code of a row of codes without a gap, what their names begin with, and the rest of each name."""


@cache
def key_names() -> dict[int, str]:
    """The names of keys and buttons by their codes."""
    return {code: f"{head}{name}" for first, head, names in _RUNS for code, name in enumerate(names.split(), first)}


def key_name(code: int) -> str:
    """The name of a key, or ``KEY_`` and its number where it has none here."""
    return key_names().get(code, f"KEY_{code}")


def turn_name(axis: int, by: int) -> str | None:
    """What a turn of a relative axis is called; None for an axis that repeats another."""
    return f"REL_{AXES[axis]}{'+' if by > 0 else '-'}" if axis < len(AXES) and by else None


def key_of(word: str) -> str:
    """The key of a word, or its axis without the direction."""
    return word.partition(" ")[0].rstrip("+-")


def check_word(word: str) -> None:
    """Raise ValueError unless a device can say the word."""
    name, _, how = word.partition(" ")
    if name.startswith("REL_"):
        if name[4:-1] not in AXES or name[-1] not in "+-" or how:
            raise ValueError(f"{word!r} is not a turn; write an axis and + or -, such as REL_X+ or REL_WHEEL-")
        return
    number = name.removeprefix("KEY_")
    known = key_name(int(number)) if number.isdecimal() and 0 < int(number[:4]) < KEYS else None
    if name != known and name not in key_names().values():
        hint = f" (did you mean {known!r}?)" if known else did_you_mean(name, key_names().values())
        raise ValueError(f"{name!r} is not a key{hint}; write it like {EXAMPLES}")
    if how not in {"", LONG, DOUBLE}:
        raise ValueError(f"{word!r} ends with {how!r}; after the key comes nothing, {LONG} or {DOUBLE}")
