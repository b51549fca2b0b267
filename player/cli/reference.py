"""The files that are made from what the command line declares: ``python -m player.cli.reference`` rewrites them.

Completions for shells, manual pages, and docs/commands.md between its markers. Tests hold them against the parsers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from player.cli.completion import completion
from player.cli.declared import declared_commands, grouped, speaker_options, typed
from player.cli.exit_codes import EXIT_CODES
from player.cli.main import build_parser
from player.cli.manual import lull_1, lull_yaml_5
from player.mqtt.reference import filled_in

_ROOT: Final = Path(__file__).parents[2]


def command_table() -> str:
    """Every command with what it does, by groups."""
    by_name = {command.name: command for command in declared_commands(build_parser())}
    lines = ["| command | what it does |", "|---|---|"]
    for title, names in grouped(tuple(by_name)).items():
        lines.append(f"| **{title}** | |")
        for name in names:
            usage = by_name[name].usage.replace("|", "\\|")
            lines.append(f"| `lull {name}{' ' if usage else ''}{usage}` | {by_name[name].brief} |")
    return "\n".join(lines)


def option_table() -> str:
    """The options of every command to a running speaker."""
    rows = [f"| `{typed(option)}` | {option.about} |" for option in speaker_options()]
    return "\n".join(["| option | what |", "|---|---|", *rows])


def exit_code_table() -> str:
    """Every exit code."""
    return "\n".join(
        ["| code | meaning |", "|---|---|", *(f"| {code} | {what} |" for code, what in EXIT_CODES.items())]
    )


def made_files() -> Iterator[tuple[Path, str]]:
    """Each file, and its text as the declarations have it now."""
    yield _ROOT / "scripts" / "completion" / "lull", completion("bash")
    yield _ROOT / "scripts" / "completion" / "_lull", completion("zsh")
    yield _ROOT / "scripts" / "completion" / "lull.fish", completion("fish")
    yield _ROOT / "docs" / "man" / "lull.1", lull_1()
    yield _ROOT / "docs" / "man" / "lull.yaml.5", lull_yaml_5()
    document = _ROOT / "docs" / "commands.md"
    sections = {"commands": command_table, "speaker": option_table, "exit codes": exit_code_table}
    yield document, filled_in(document.read_text(encoding="utf-8"), sections)


def main() -> None:
    """Rewrite them all."""
    for path, text in made_files():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
