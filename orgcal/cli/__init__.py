"""The command `orgcal`.

Each command lives in a module of its own and is imported only when it is called, so that `orgcal env`,
which a shell runs at each prompt or start, stays quick.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry point of `orgcal`: runs a command, turns what we can explain into one sentence and an exit code."""
    import typer
    from click.exceptions import ClickException

    from orgcal.cli.commands import app
    from orgcal.errors import OrgcalError

    try:
        code = typer.main.get_command(app).main(prog_name="orgcal", standalone_mode=False)
    except OrgcalError as error:
        sys.stderr.write(f"orgcal: {error}\n")
        code = error.exit_code
    except ClickException as error:
        error.show()
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("orgcal: interrupted; the next run goes on from here\n")
        code = 130
    except BrokenPipeError:
        # The reader went away (`orgcal … | head`): no error of ours. Python would complain at exit again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
