"""The command `stocktake-agent`: reads the command line and calls those who do the work.

Nothing heavy is imported before it is known to be needed: a help text costs no gRPC.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import metadata
from pathlib import Path

from agent.errors import AgentError, UsageError

_EXIT_CODES = """\
exit codes:
  0  done
  1  it failed; the sentence on standard error says why
  2  the command line makes no sense
  3  refused: more than an administrator allowed
  4  not enrolled: there is no identity in this home
  5  no collector can be reached; reports that were made are kept in the outbox
  130  stopped by Ctrl-C
"""
_INTERRUPTED = 130
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code. Errors are one sentence on standard error."""
    # Identity and outbox are for their owner alone, also what SQLite lays beside its files.
    os.umask(0o077)
    options = _parser().parse_args(arguments)
    try:
        work: Callable[[argparse.Namespace], int] = options.work
        code = work(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads a pipe may have seen enough; what is left must not fail at the exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except AgentError as error:
        sys.stderr.write(f"stocktake-agent: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("stocktake-agent: stopped\n")
        return _INTERRUPTED
    else:
        return code


def duration(text: str) -> timedelta:
    """A duration such as 90s, 15m, 4h or 1d."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 90s, 15m, 4h or 1d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def ports(text: str) -> tuple[int, ...]:
    """Ports such as 22,80,8000-8010, in the order given."""
    numbers: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part.strip())
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 0 < first <= last <= 65535:  # noqa: PLR2004 - the highest port
            raise argparse.ArgumentTypeError(f"{part!r} is no port; write 22,80,8000-8010")
        numbers.extend(range(first, last + 1))
    return tuple(dict.fromkeys(numbers))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stocktake-agent",
        description="Observes this machine, and networks it was allowed to scan.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version)
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="identity and outbox; default: STOCKTAKE_AGENT_HOME, else the system's or user's own",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_add_show, _add_scan, _add_enrol, _add_run, _add_status):
        add(commands)
    return parser


class _Version(argparse.Action):
    """Prints the version; looks it up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"stocktake-agent {metadata.version('stocktake')}\n")
        parser.exit()


_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse gives its type no other name


def _add_show(commands: _Commands[argparse.ArgumentParser]) -> None:
    show = commands.add_parser("show", help="print what would be sent, and send nothing")
    show.add_argument("--sysroot", type=Path, default=Path("/"), metavar="DIR",
                      help="root folder of a captured system")  # fmt: skip
    show.add_argument("--json", action="store_true", help="as JSON, with the contract's names")
    show.add_argument("--section", action="append", metavar="NAME",
                      help="only this section; may be repeated")  # fmt: skip
    show.add_argument("--native-key", metavar="KEY", help="name the machine is known by")
    show.add_argument("--all", action="store_true", help="all rows of long tables")
    show.set_defaults(work=_show)


def _add_scan(commands: _Commands[argparse.ArgumentParser]) -> None:
    scan = commands.add_parser("scan", help="scan networks that an administrator allowed")
    scan.add_argument("prefixes", nargs="+", metavar="PREFIX", help="such as 10.0.4.0/24")
    scan.add_argument("--every", type=duration, metavar="DURATION", help="repeat: 15m, 4h, 1d")
    scan.add_argument("--ports", type=ports, default=(), metavar="LIST", help="22,80,8000-8010")
    scan.add_argument("--technique", action="append", default=[], metavar="NAME",
                      help="tcp, names, arp, banner or tls; default: all")  # fmt: skip
    scan.add_argument("--rate", type=float, metavar="N", help="most connects a second")
    scan.add_argument("--timeout", type=duration, metavar="DURATION", help="when to give up")
    scan.add_argument("--json", action="store_true", help="what was found as JSON lines")
    scan.add_argument("--dry-run", action="store_true", help="say what would be tried; try nothing")
    scan.set_defaults(work=_scan)


def _add_enrol(commands: _Commands[argparse.ArgumentParser]) -> None:
    enrol = commands.add_parser("enrol", help="trade a token for an identity")
    enrol.add_argument("token", metavar="TOKEN", help="as `stocktake token` prints it")
    enrol.add_argument(
        "--again", action="store_true", help="replace the identity that this home has"
    )
    enrol.set_defaults(work=_enrol)


def _add_run(commands: _Commands[argparse.ArgumentParser]) -> None:
    loop = commands.add_parser("run", help="report and do what the collector asks, until stopped")
    loop.add_argument("--once", action="store_true", help="one report, acknowledged, and no more")
    loop.set_defaults(work=_run)


def _add_status(commands: _Commands[argparse.ArgumentParser]) -> None:
    status = commands.add_parser("status", help="who this agent is and what waits to be sent")
    status.add_argument("--json", action="store_true", help="as JSON")
    status.set_defaults(work=_status)


def _show(options: argparse.Namespace) -> int:
    from agent.commands import show

    return show(options)


def _scan(options: argparse.Namespace) -> int:
    from agent.scan.command import scan

    return scan(options)


def _enrol(options: argparse.Namespace) -> int:
    from agent.commands import enrol

    return enrol(options)


def _run(options: argparse.Namespace) -> int:
    from agent.commands import run_loop

    return run_loop(options)


def _status(options: argparse.Namespace) -> int:
    from agent.commands import status

    return status(options)


def main() -> None:
    """Runs the command and leaves with its exit code."""
    sys.exit(run())


if __name__ == "__main__":
    main()

__all__ = ["UsageError", "duration", "main", "ports", "run"]
