"""Where `etclane` begins: Ctrl-C ends it quietly from the first moment on, also while its modules are loaded."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from gateway.cli import main as commands  # noqa: PLC0415  loading them takes the first second

        commands.main()
    except KeyboardInterrupt:
        sys.exit(130)
