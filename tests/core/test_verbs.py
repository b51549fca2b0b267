"""What a command is called."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

from player.core.commands import Command
from player.core.verb import Verb
from player.core.verbs import VERBS


def test_a_command_is_called_as_its_verb() -> None:
    """A verb is named once, by its command; a refusal says that name where nobody typed one."""
    assert {kind.VERB for kind in get_args(Command)} == set(VERBS)
    assert "name" not in {one.name for one in fields(Verb)}
