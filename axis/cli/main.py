"""The command line, put together, and the one place where its errors end."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from axis import __version__
from axis.cli import (
    accounts,
    adapters,
    calendar,
    conformance,
    courier,
    deadlines,
    deliveries,
    demo,
    documents,
    health,
    holds,
    mail,
    maintenance,
    mirror,
    node,
    organs,
    packages,
    partners,
    reconcile,
    report,
    routes,
    signatures,
    simulate,
    systems,
    tokens,
    trust,
    views,
)
from axis.cli.options import DEBUG_VARIABLE, WRONG_USE, exit_code, say_error, wants_trace
from axis.errors import AxisError, Code, Internal, Malformed

app = typer.Typer(
    name="axis",
    help="Trục liên thông văn bản. A node that exchanges documents between agencies and with the national axis.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (
    node.app,
    organs.app,
    systems.app,
    accounts.app,
    adapters.app,
    routes.app,
    tokens.app,
    packages.app,
    holds.app,
    partners.app,
    reconcile.app,
    deliveries.app,
    documents.app,
    health.app,
    signatures.app,
    trust.app,
    calendar.app,
    conformance.app,
    courier.app,
    deadlines.app,
    mail.app,
    maintenance.app,
    mirror.app,
    report.app,
    simulate.app,
    views.app,
    demo.app,
):
    app.registered_commands += part.registered_commands
    app.registered_groups += part.registered_groups


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _common(
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
    version: Annotated[  # noqa: ARG001 - acts through its callback
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    from axis.ops.logs import configure_logs

    if debug:
        os.environ[DEBUG_VARIABLE] = "1"
    # Standard output is for results, and what a person needs to know comes as a sentence; `serve` configures its own.
    configure_logs("console", "info" if wants_trace() else "critical")


def run(arguments: Sequence[str] | None = None) -> None:
    """Run one command, and end the process.

    The only catch point of the command line: every error becomes a sentence and an exit code.
    arguments: without the program's name; None: those of the process.
    """
    try:
        app(arguments)
    except AxisError as error:
        _trace()
        say_error(error)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        _trace()
        say_error(Malformed(Code.BAD_FILE, error.strerror or str(error), at=error.filename and str(error.filename)))
        sys.exit(WRONG_USE)
    except Exception as error:  # noqa: BLE001 - a person at a terminal never gets a trace unasked
        _trace()
        say_error(Internal(f"{type(error).__name__}: {error}. `axis --debug …` shows where"))
        sys.exit(WRONG_USE)


def _trace() -> None:
    if wants_trace():
        traceback.print_exc()


if __name__ == "__main__":
    run()
