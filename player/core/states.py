"""The states of a session, and the one table that says what may happen in which of them. Standard library.

`MOVES` holds every legal move; one that is not in it raises `IllegalMove` before anything has changed. `OBEYED` says
which commands are obeyed in which state; any other is refused with a reason. Both are read by the tests, which give
every command in every state.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from player.core.commands import COMMANDS
from player.core.obeyed import Obeyed


class State(StrEnum):
    """What the session is doing."""

    IDLE = "idle"
    PLAYING = "playing"
    PAUSED = "paused"
    FADING_OUT = "fading_out"
    STOPPING = "stopping"


class Move(StrEnum):
    """What can happen to a state."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    FADE = "fade"
    TAKE_BACK = "take_back"
    STOP = "stop"
    END = "end"


class IllegalMove(AssertionError):
    """A move that the table does not know: always a bug, never a fault from outside."""


MOVES: Final[dict[State, dict[Move, State]]] = {
    State.IDLE: {Move.START: State.PLAYING},
    State.PLAYING: {
        Move.START: State.PLAYING,
        Move.PAUSE: State.PAUSED,
        Move.FADE: State.FADING_OUT,
        Move.STOP: State.STOPPING,
        Move.END: State.IDLE,
    },
    State.PAUSED: {
        Move.START: State.PLAYING,
        Move.RESUME: State.PLAYING,
        Move.STOP: State.STOPPING,
        Move.END: State.IDLE,
    },
    State.FADING_OUT: {
        Move.START: State.PLAYING,
        Move.TAKE_BACK: State.PLAYING,
        Move.PAUSE: State.PAUSED,
        Move.STOP: State.STOPPING,
        Move.END: State.IDLE,
    },
    State.STOPPING: {Move.START: State.PLAYING, Move.STOP: State.STOPPING, Move.END: State.IDLE},
}

_RUNNING: Final = frozenset({State.PLAYING, State.PAUSED, State.FADING_OUT})
_STATES: Final = {
    Obeyed.ALWAYS: frozenset(State),
    Obeyed.UNLESS_STOPPING: _RUNNING | {State.IDLE},
    Obeyed.WHILE_RUNNING: _RUNNING,
    Obeyed.BEFORE_THE_END: _RUNNING - {State.FADING_OUT},
}
OBEYED: Final[dict[State, frozenset[type]]] = {
    state: frozenset(command for command in COMMANDS if state in _STATES[command.OBEYED]) for state in State
}
"""Which commands are obeyed in which state; asking for what is already so is obeyed too.

A stop is taken back by play alone, which asks for sound by name. A toggle is one button in the dark: pressed while the
stop still fades it is a nervous second press, and must not bring back what somebody has just ended."""


def moved(state: State, move: Move) -> State:
    """The state after a move. Raises IllegalMove when the table has no such move."""
    try:
        return MOVES[state][move]
    except KeyError:
        raise IllegalMove(f"{move} in state {state}") from None
