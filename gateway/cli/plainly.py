"""What a user did wrong, in one clear sentence on stderr."""

import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from gateway.cli.decode import HexError
from gateway.config import ConfigError
from gateway.findings import refused
from gateway.ledger import imports, store
from gateway.tariff.quote import QuoteError
from protocols.errors import ProtocolError
from protocols.rsu.dialect import DialectError

_WORDS = (
    (r"Missing (?:option|argument) (.+)\.", r"\1: 缺少此项 / is missing"),
    (r"Missing command\.", "缺少命令 / a command is missing"),
    (r"No such command (.+)\.", r"没有命令 \1 / no such command"),
    (r"No such option: (.+)", r"没有选项 \1 / no such option"),
    (r"Option (.+) requires an argument\.", r"\1: 缺少值 / needs a value"),
    (r"Option (.+) does not take a value\.", r"\1: 不带值 / takes no value"),
    (r"Got unexpected extra argument\S* \((.+)\)", r"多余的词 / words too many: \1"),
    (
        r"Invalid value for (.+?): Value error, (.+) is not one of (.+)\.",
        r"\1: 没有 \2，可用 / no such word; there are: \3",
    ),
    (r"Invalid value for (.+?): Input should be a valid integer.*", r"\1: 须为整数 / must be a whole number"),
    (r"Invalid value for (.+?): Input should be greater.* equal to (.+)", r"\1: 不得小于 \2 / must be \2 or more"),
    (
        r"Invalid value for (.+?): Input should be a valid datetime.*",
        r"\1: 须为时间 / must be a time: 2026-11-21T08:00",
    ),
    (r"Invalid value for .+?: \w+ '(.+)' is not readable\.", r"\1: 无权限 / Permission denied"),
    (r"Invalid value for (.+?): (.+)", r"\1: \2"),
)
"""What typer says of a command line, and the same in both languages; last, what our own words are put into."""


def fail(text: object) -> NoReturn:
    """One clear text on stderr, and exit code 1."""
    typer.echo(f"etclane: {text}", err=True)
    raise typer.Exit(1)


class Commands(TyperGroup):
    """Commands of which a wrong word, a full disk or a closed output ends in one clear text."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:  # noqa: ANN401  typer's own, passed on
        """Run the command line, and exit."""
        if sys.__stdout__ is None:  # the first file opened would be taken for it
            typer.echo("etclane: 标准输出已关闭 / standard output is closed", err=True)
            sys.exit(1)
        try:
            sys.exit(super().main(*args, **extra | {"standalone_mode": False}))
        except typer.TyperException as error:
            _tell(error)
            sys.exit(error.exit_code)
        except OSError as error:  # commands tell of their own files
            typer.echo(f"etclane: 标准输出 / standard output: {' / '.join(refused(error))}", err=True)
            sys.exit(1)


def _tell(error: typer.TyperException) -> None:
    """What is wrong with a command line, in Chinese first."""
    text = error.format_message()
    for english, both in _WORDS:
        if match := re.fullmatch(english, text, re.DOTALL):
            text = match.expand(both)
            break
    if not text:
        return  # words that are no mistake: the help was shown
    if context := getattr(error, "ctx", None):
        typer.echo(f"用法 / usage: {context.command_path} -h", err=True)
    typer.echo(f"etclane: {text}", err=True)


@contextmanager
def plainly() -> Iterator[None]:
    """What a user did wrong ends in a sentence, never in a traceback."""
    try:
        yield
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(problem, err=True)
        fail(f"{len(error.problems)} 处配置错误 / mistakes in the configuration")
    except (
        store.LedgerError,
        imports.StayImportError,
        QuoteError,
        ProtocolError,
        DialectError,
        HexError,
    ) as error:
        fail(error)
    except sqlite3.Error as error:
        fail(f"账本无法写入 / the ledger cannot be written: {error}")
    except UnicodeDecodeError as error:
        fail(f"须存为 UTF-8 / must be saved as UTF-8: {error.reason}, byte {error.start}")
    except BrokenPipeError:
        raise  # whoever read our output has seen enough; typer ends quietly
    except OSError as error:
        fail(": ".join(str(part) for part in (error.filename, " / ".join(refused(error))) if part))
