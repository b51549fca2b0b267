"""``lull completion SHELL``: prints the completion script of bash, zsh or fish for commands, options and files.

Made from the declared command line. The scripts never run lull, so that completion is fast.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from player.cli.declared import DeclaredCommand, DeclaredOption

DESCRIPTION: Final = """\
Print the completion of commands, options and files for a shell. The Debian
package installs them; otherwise:

    lull completion bash > ~/.local/share/bash-completion/completions/lull
    lull completion zsh > ~/.zsh/_lull          # ~/.zsh must be in fpath
    lull completion fish > ~/.config/fish/completions/lull.fish

exit codes: 0 done, 2 wrong usage"""
_NOTE: Final = "# Made by `python -m player.cli.reference` from what the command line declares; changes here are lost."
SHELLS: Final = ("bash", "zsh", "fish")


def add_parser(commands: Any) -> None:
    """Add ``completion`` to the command line."""
    parser = commands.add_parser(
        "completion",
        help="print the completion for bash, zsh or fish",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the script; returns the exit code."""
    print(completion(args.shell), end="")
    return 0


def completion(shell: str) -> str:
    """The script for a shell."""
    from player.cli.declared import declared_commands, speaker_options
    from player.cli.main import build_parser

    render: dict[str, Callable[[tuple[DeclaredCommand, ...], tuple[DeclaredOption, ...]], Iterator[str]]]
    render = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return "\n".join(render[shell](declared_commands(build_parser()), speaker_options())) + "\n"


def _flat(commands: Iterable[DeclaredCommand], before: str = "") -> Iterator[tuple[str, DeclaredCommand]]:
    """Commands, and commands of commands, with all their words."""
    for command in commands:
        yield f"{before}{command.name}", command
        yield from _flat(command.commands, f"{before}{command.name} ")


# bash

_BASH_FILES: Final = """compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;"""
_BASH_HEAD: Final = """\
_lull() {
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
    local command= words= at=1
    COMPREPLY=()
    while [ "$at" -lt "$COMP_CWORD" ]; do
        case "${COMP_WORDS[at]}" in"""
_BASH_TAIL: Final = """\
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _lull lull"""


def _bash(commands: tuple[DeclaredCommand, ...], shared: tuple[DeclaredOption, ...]) -> Iterator[str]:
    nested = "|".join(command.name for command in commands if command.commands)
    every = " ".join(name for option in shared for name in option.names)
    yield from (_NOTE, _BASH_HEAD, f"            {_joined(one for one in shared if one.metavar)}) at=$((at + 1)) ;;")
    yield from (
        "            -*) ;;",
        '            *) case "$command" in',
        '                "") command="${COMP_WORDS[at]}" ;;',
    )
    yield f'                {nested}) command="$command ${{COMP_WORDS[at]}}" ;;'
    yield from ("            esac ;;", "        esac", "        at=$((at + 1))", "    done", '    case "$before" in')
    yield f"        {_joined(one for one in shared if one.takes_file)}) {_BASH_FILES}"
    yield f"        {_joined(one for one in shared if one.metavar and not one.takes_file)}) return ;;"
    yield from ("    esac", '    case "$command" in')
    names = " ".join([*(command.name for command in commands), "help"])
    yield f"        ''|help) words='{names} --help --version {every}' ;;"
    for name, command in _flat(commands):
        yield f"        '{name}')"
        yield from _bash_values(command)
        listed = [word for option in command.options for word in option.names]
        listed += [child.name for child in command.commands]
        listed += [choice for argument in command.arguments for choice in argument.choices]
        yield f"            words='{' '.join([*listed, every] if command.asks_speaker else listed)}' ;;"
    yield from ("    esac", _BASH_TAIL)


def _bash_values(command: DeclaredCommand) -> Iterator[str]:
    """The values of options, and arguments that are files."""
    own = [option for option in command.options if option.metavar]
    if own:
        yield '            case "$before" in'
        for option in own:
            if option.choices:
                words = f"""mapfile -t COMPREPLY < <(compgen -W '{" ".join(option.choices)}' -- "$word"); return ;;"""
                yield f"                {_joined([option])}) {words}"
        if files := _joined(option for option in own if option.takes_file):
            yield f"                {files}) {_BASH_FILES}"
        if others := _joined(option for option in own if not option.takes_file and not option.choices):
            yield f"                {others}) return ;;"
        yield "            esac"
    if any(argument.takes_file for argument in command.arguments):
        yield f"""            case "$word" in -*) ;; *) {_BASH_FILES} esac"""


def _joined(options: Iterable[DeclaredOption]) -> str:
    """The names of options as a pattern."""
    return "|".join(name for option in options for name in option.names)


# zsh


def _zsh(commands: tuple[DeclaredCommand, ...], shared: tuple[DeclaredOption, ...]) -> Iterator[str]:
    yield from ("#compdef lull", _NOTE, "_lull() {", "    local state line curcontext=$curcontext")
    yield from ("    local -a commands shared", "    commands=(")
    yield from (f"        {_quoted(command.name + ':' + command.brief)}" for command in commands)
    yield from ("        'help:say more about a command'", "    )", "    shared=(")
    yield from (f"        {_zsh_option(option)}" for option in shared)
    yield from (
        "    )",
        "    _arguments -C $shared '1:command:->command' '*::argument:->argument'",
        '    case "$state" in',
    )
    yield "        command) _describe -t commands command commands ;;"
    yield '        argument) case "$words[1]" in'
    yield "            help) _describe -t commands command commands ;;"
    for command in commands:
        yield f"            {command.name})"
        if command.commands:
            choices = " ".join(child.name for child in command.commands)
            inner = {option.names: option for child in command.commands for option in child.options}
            yield from _zsh_arguments([*inner.values()], [f"'1:command:({choices})'", "'*:argument:_files'"], "")
        else:
            yield from _zsh_arguments(
                command.options, [*_zsh_places(command)], " $shared" if command.asks_speaker else ""
            )
    yield from ("        esac ;;", "    esac", "}", '_lull "$@"')


def _zsh_arguments(options: Iterable[DeclaredOption], places: list[str], shared: str) -> Iterator[str]:
    listed = [*(_zsh_option(option) for option in options), *places]
    yield f"                _arguments{shared} \\"
    yield from (f"                    {one} \\" for one in listed[:-1])
    yield f"                    {listed[-1]} ;;"


def _zsh_places(command: DeclaredCommand) -> Iterator[str]:
    for argument in command.arguments:
        action = f"({' '.join(argument.choices)})" if argument.choices else "_files" if argument.takes_file else " "
        yield _quoted(f"*:{argument.metavar.strip('[]. ')}:{action}")


def _zsh_option(option: DeclaredOption) -> str:
    about = option.about.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
    value = ""
    if option.metavar:
        action = f"({' '.join(option.choices)})" if option.choices else "_files" if option.takes_file else " "
        value = f":{option.metavar}:{action}"
    return _quoted(f"{option.names[-1]}[{about}]{value}")


# fish


def _fish(commands: tuple[DeclaredCommand, ...], shared: tuple[DeclaredOption, ...]) -> Iterator[str]:
    yield from (_NOTE, "complete -c lull -f")
    yield from (_fish_option("", option) for option in shared)
    alone = "__fish_use_subcommand"
    for command in commands:
        yield f"complete -c lull -n {alone} -a {command.name} -d {_quoted(command.brief)}"
    yield f"complete -c lull -n {alone} -a help -d 'say more about a command'"
    names = " ".join(command.name for command in commands)
    yield f"complete -c lull -n '__fish_seen_subcommand_from help' -a '{names}'"
    for name, command in _flat(commands):
        seen = " and ".join(f"__fish_seen_subcommand_from {word}" for word in name.split()).replace(" and ", "; and ")
        yield from (_fish_option(f" -n '{seen}'", option) for option in command.options if option.names[-1] != "--help")
        for child in command.commands:
            yield f"complete -c lull -n '{seen}' -a {child.name} -d {_quoted(child.brief)}"
        for argument in command.arguments:
            if argument.choices:
                yield f"complete -c lull -n '{seen}' -a '{' '.join(argument.choices)}'"
            elif argument.takes_file:
                yield f"complete -c lull -n '{seen}' -F"


def _fish_option(condition: str, option: DeclaredOption) -> str:
    value = ""
    if option.metavar:
        value = f" -x -a '{' '.join(option.choices)}'" if option.choices else " -r -F" if option.takes_file else " -x"
    return f"complete -c lull{condition} -l {option.names[-1].removeprefix('--')}{value} -d {_quoted(option.about)}"


def _quoted(text: str) -> str:
    """For a shell, on one line."""
    return "'" + " ".join(text.split()).replace("'", "'\\''") + "'"
