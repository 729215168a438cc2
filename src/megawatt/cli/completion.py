"""``megawatt completion``: what makes a shell complete commands and options."""

from __future__ import annotations

import click

from megawatt.cli.output import say

__all__ = ["completion"]


@click.command(epilog="Example: megawatt completion bash >> ~/.bashrc")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a line for the start-up file of SHELL: ~/.bashrc, ~/.zshrc, ~/.config/fish/completions/megawatt.fish."""
    lines = {
        "bash": 'eval "$(_MEGAWATT_COMPLETE=bash_source megawatt)"',
        "zsh": 'eval "$(_MEGAWATT_COMPLETE=zsh_source megawatt)"',
        "fish": "_MEGAWATT_COMPLETE=fish_source megawatt | source",
    }
    say(lines[shell])
