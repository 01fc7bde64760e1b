"""Where the command begins: a Ctrl-C while Python still loads it is told as one that comes later."""

from __future__ import annotations

import signal


def main() -> None:
    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # and not told to ignore it, as in a shell's background
        signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    from mastra_cli.cli import main as run

    signal.signal(signal.SIGINT, before)
    run(interrupted=bool(pressed))


if __name__ == "__main__":
    main()
