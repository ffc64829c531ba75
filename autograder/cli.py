"""The console script: one verb a file in ``autograder/commands``, imported when it is called."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

from autograder.errors import AutograderError, UsageError

COMMANDS = Path(__file__).parent / "commands"


class _LazyGroup(click.Group):
    """Finds verbs by file name, so that `autograder check` never imports what grading needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(p.stem for p in COMMANDS.glob("*.py") if not p.stem.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"autograder.commands.{cmd_name}")
        command: click.Command = module.command
        return command


@click.group(
    cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="robolearn")
def cli() -> None:
    """Release, check, hand in and grade the assignments of a course.

    \b
    Students:     autograder check 1.3        autograder submit
    TAs:          autograder grade hw1_mdp submissions/
    Instructors:  autograder new hw7_demo     autograder release hw1_mdp     autograder audit hw1_mdp

    Exit codes: 0 fine, 1 something to act on, 2 wrong use.
    """


def main() -> None:
    """Run the command line; print what a person can act on, never a traceback for it."""
    try:
        code = cli(standalone_mode=False)  # ctx.exit(1) comes back as a value
        if isinstance(code, int):
            sys.exit(code)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit("Stopped.")
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except AutograderError as error:
        click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(str(error), err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
