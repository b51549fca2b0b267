"""The exit codes of all commands: one table, for the code, the help, the man page and docs/commands.md."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
NO_ANSWER: Final = 3
INTERRUPTED: Final = 130
CLOSED_PIPE: Final = 141

EXIT_CODES: Final = {
    DONE: "done; nothing is wrong",
    REFUSED: "refused, faulty, or something is wrong; the reason is on stderr",
    USAGE: "wrong usage",
    NO_ANSWER: "no answer: the broker or the speaker is not there",
    INTERRUPTED: "interrupted by Ctrl-C; night and run, which it ends as intended, give 0",
    CLOSED_PIPE: "the program that read the output has gone",
}
