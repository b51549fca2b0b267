"""The manual pages, made from what the command line and the config declare: lull(1) and lull.yaml(5), in roff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from player.cli.declared import (
    ABOUT,
    DeclaredCommand,
    DeclaredOption,
    declared_commands,
    grouped,
    speaker_options,
    typed,
)
from player.cli.exit_codes import EXIT_CODES
from player.cli.main import build_parser
from player.cli.paths import CONFIG_ORDER
from player.config.reference import declared_keys


def lull_1() -> str:
    """The page of all commands."""
    return "\n".join(_lull_1(declared_commands(build_parser()))) + "\n"


def lull_yaml_5() -> str:
    """The page of all keys of the config."""
    return "\n".join(_lull_yaml_5()) + "\n"


def _lull_1(commands: tuple[DeclaredCommand, ...]) -> Iterator[str]:
    by_name = {command.name: command for command in commands}
    yield from (*_head("LULL", 1, "lull", "a bedside speaker that never startles"), ".SH SYNOPSIS", ".B lull")
    yield from ("[\\fIoptions\\fR] \\fICOMMAND\\fR ...", ".SH DESCRIPTION", _text(ABOUT))
    for title, names in grouped(tuple(by_name)).items():
        yield f".SH COMMANDS: {_text(title).upper()}"
        for name in names:
            yield from _command(by_name[name], "lull")
    yield from (
        ".SH OPTIONS OF EVERY COMMAND THAT ASKS A RUNNING SPEAKER",
        "They may stand before its name or after it.",
    )
    yield from _options(speaker_options())
    yield from (".SH FILES", f"The config is {_text(CONFIG_ORDER)}. What is found first counts. See")
    yield from (".BR lull.yaml (5).", ".SH ENVIRONMENT", ".TP", ".B LULL_CONFIG", "A config, see FILES.")
    yield from (".TP", ".B XDG_CONFIG_HOME", "In place of ~/.config, see FILES.")
    yield from (
        ".TP",
        ".B XDG_DATA_HOME",
        "In place of ~/.local/share: what \\fBlull night\\fR keeps is in lull below it.",
    )
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT_CODES.items():
        yield from (".TP", f".B {code}", _text(meaning))
    yield from (".SH SEE ALSO", ".BR lull.yaml (5),", "/usr/share/doc/lull")


def _command(command: DeclaredCommand, before: str) -> Iterator[str]:
    name = f"{before} {command.name}"
    options = [option for option in command.options if "--help" not in option.names]
    shown = " [\\fIoptions\\fR]" if options and not command.commands else ""
    usage = f" \\fI{_text(command.usage)}\\fR" if command.usage and not command.commands else ""
    yield from (f".SS {_text(name)}{shown}{usage}", *_paragraphs(command.about or command.brief))
    yield from _options(command.arguments)
    yield from _options(options)
    for child in command.commands:
        yield from _command(child, name)


def _options(options: Iterable[DeclaredOption]) -> Iterator[str]:
    for option in options:
        yield from (".TP", f".B {_text(typed(option) or option.metavar)}")
        about = option.about + (f": {', '.join(option.choices)}" if option.choices else "")
        yield _text(about) or "."


def _paragraphs(text: str) -> Iterator[str]:
    """A description: paragraphs are filled, indented lines are shown as they are; exit codes have their own section."""
    for number, paragraph in enumerate(text.strip().split("\n\n")):
        lines = paragraph.splitlines()
        if lines[0].startswith("exit codes:"):
            continue
        if number:
            yield ".PP"
        if lines[0].startswith("    "):
            yield from (".nf", *(_text(line) for line in lines), ".fi")
        else:
            yield _text(" ".join(line.strip() for line in lines))


def _lull_yaml_5() -> Iterator[str]:
    yield from _head("LULL.YAML", 5, "lull.yaml", "the config of lull")
    yield from (".SH DESCRIPTION", f"Looked for in this order: {_text(CONFIG_ORDER)}.")
    yield from ("It is YAML; every key has a default.", ".B lull check", "lists every fault of a config with its line.")
    yield "/usr/share/doc/lull/lull.yaml is a commented example."
    for table, keys in declared_keys():
        yield f".SH {_text(table).upper()}"
        for key in keys:
            default = f"Default: {key.default}." if key.default not in {"", "required"} else ""
            required = "Required." if key.default == "required" else ""
            yield from (".TP", f".B {_text(key.word)}", _text(f"{_sentence(key.about)} {_sentence(key.allowed)}"))
            if default or required:
                yield _text(default or required)
    yield from (".SH SEE ALSO", ".BR lull (1)")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." if text else ""


def _head(title: str, section: int, name: str, brief: str) -> tuple[str, ...]:
    note = '.\\" Made by `python -m player.cli.reference` from declarations; changes here are lost.'
    return (note, f'.TH "{title}" "{section}" "" "lull" "lull"', ".SH NAME", f"{name} \\- {brief}")


def _text(text: str) -> str:
    """Text for roff, which reads points and quotes at the beginning of a line as requests, and hyphens as dashes."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain
