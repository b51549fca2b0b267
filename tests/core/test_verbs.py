"""What a command is called."""

from __future__ import annotations

from typing import get_args

from player.core.commands import Command
from player.core.verbs import VERBS


def test_a_command_is_called_as_its_verb() -> None:
    """Each command names a declared verb, which is what a refusal says where nobody typed one."""
    assert {kind.VERB for kind in get_args(Command)} == set(VERBS)
