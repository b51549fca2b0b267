"""The files of the phone remote; `player.cli.remote` writes them out."""
