"""From an error to words and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from mastra_cli import errors
from mastra_cli.cli.console import Console
from mastra_cli.settings import DatabaseUrl

# 0 done, 2 usage, 3 `--check` found work, 130 interrupted; every error not below is 1.
EXIT_CODES: dict[type[errors.MastraError], int] = {
    errors.Usage: 2,
    errors.NoEngine: 4,
    errors.DatabaseUnreachable: 5,
    errors.DeadlineExceeded: 5,
    errors.ContainerFailed: 5,
    errors.ServerFailed: 5,
    errors.LockBusy: 6,
    errors.PermissionDenied: 7,
    errors.ExtensionMissing: 7,
    errors.Interrupted: 130,
}

EXIT_HELP = (
    "Exit status: 0 done (also when there was nothing to do), 1 failed, 2 usage, 3 --check found work, "
    "4 no Docker engine answers, 5 database not reachable, 6 migration lock busy, "
    "7 missing privilege or extension, 130 interrupted."
)


def exit_code(error: errors.MastraError) -> int:
    for cls in type(error).__mro__:
        if cls in EXIT_CODES:
            return EXIT_CODES[cls]
    return 1


@contextmanager
def traced_to(url: DatabaseUrl) -> Generator[None]:
    """A failure that may be the URL's says where the URL came from."""
    try:
        yield
    except (errors.DatabaseUnreachable, errors.InvalidArgument, errors.PoolerDetected) as error:
        error.hint = f"{error.hint} ({url.source})" if error.hint else f"the URL is {url.source}"
        raise


def report(console: Console, failure: BaseException) -> int:
    """Print a failure in the user's words; returns the exit status. What is no `MastraError` is our bug."""
    if isinstance(failure, KeyboardInterrupt):
        failure = errors.Interrupted(str(failure) or "interrupted")
    if not isinstance(failure, errors.MastraError):
        failure = _unexpected(failure)
    code = exit_code(failure)
    console.fail(failure, code)
    return code


def _unexpected(failure: BaseException) -> errors.MastraError:
    # The message of a foreign exception may hold a URL: only its class and place are shown.
    frame = failure.__traceback__
    place = "?"
    while frame is not None:
        file = Path(frame.tb_frame.f_code.co_filename)
        if "mastra_cli" in file.parts:
            place = f"{file.name}:{frame.tb_lineno}"
        frame = frame.tb_next
    if isinstance(failure, OSError) and failure.strerror:
        name = f" ({failure.filename})" if failure.filename else ""
        return errors.MastraError(f"{failure.strerror}{name}", hint=f"it happened at {place}")
    return errors.MastraError(
        f"unexpected {type(failure).__name__} at {place}",
        hint="this is a bug in mastra-cli; please report it with this line and your Python "
        f"({sys.version.split()[0]})",
    )
