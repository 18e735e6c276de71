"""`python -m verify`: the same as `orgcal verify`, for those who have this package alone."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; what we can explain becomes one sentence and an exit code."""
    import typer

    from orgcal.errors import OrgcalError
    from orgcal.help_text import HelpCommand
    from orgcal.wrong_words import wrong_words
    from verify.command import verify

    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(cls=HelpCommand)(verify)
    try:
        code = typer.main.get_command(app).main(prog_name="python -m verify", standalone_mode=False)
    except OrgcalError as error:
        sys.stderr.write(f"verify: {error}\n")
        code = error.exit_code
    except typer.Exit as error:
        code = error.exit_code
    except typer.TyperException as error:
        told = wrong_words(error)
        sys.stderr.write(f"verify: {told['what']}\n  repair: {told['repair']}\n")
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    from orgcal.output import guarded_output

    with guarded_output():
        main()
