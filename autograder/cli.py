"""The console script: one verb a file in ``autograder/commands``, imported when it is called."""

from __future__ import annotations

import errno
import importlib
import sys
from pathlib import Path
from typing import NoReturn

import click

from autograder.errors import AutograderError, UsageError

_REFUSED_BY_THE_MACHINE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
_MAKE_ROOM = "make room or take another folder, one that you may write to"
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
    TAs:          autograder grade hw1_mdp submissions/     autograder export hw1_mdp --to canvas
    Instructors:  autograder new hw7_demo     autograder audit hw1_mdp     autograder release hw1_mdp

    Every verb's own help has examples: autograder grade --help.

    Exit codes: 0 fine, 1 something to act on, 2 wrong use.
    """


def main() -> None:
    """Run the command line; print what a person can act on, never a traceback for it."""
    try:
        code = cli(prog_name="autograder", standalone_mode=False)  # ctx.exit(1) comes back as a value
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
        _stop(str(error), 2 if isinstance(error, UsageError) else 1)
    except OSError as error:
        if error.errno not in _REFUSED_BY_THE_MACHINE:
            raise
        _stop(f"{error.filename or 'the disk'}: {error.strerror}.\n  Next: {_MAKE_ROOM}.", 1)


def _stop(message: str, code: int) -> NoReturn:
    click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(message, err=True)
    sys.exit(code)
