"""What a user did wrong, in one clear sentence on stderr."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from gateway.cli.decode import HexError
from gateway.config import ConfigError
from gateway.ledger import imports, store
from gateway.tariff.quote import QuoteError
from protocols.errors import ProtocolError
from protocols.rsu.dialect import DialectError

_ERRNO = {
    errno.ENOENT: "没有这个文件",
    errno.ENOTDIR: "路径中有一段不是目录",
    errno.EISDIR: "是目录",
    errno.EACCES: "无权限",
    errno.EPERM: "无权限",
    errno.EROFS: "磁盘只读",
    errno.ENOSPC: "磁盘已满",
    errno.EFBIG: "文件过大",
}
"""What the operating system refuses; its own words follow."""


def fail(text: object) -> NoReturn:
    """One clear text on stderr, and exit code 1."""
    typer.echo(f"etclane: {text}", err=True)
    raise typer.Exit(1)


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
        fail(": ".join(str(part) for part in (error.filename, _system(error)) if part))


def _system(error: OSError) -> str:
    english = error.strerror or str(error)
    chinese = _ERRNO.get(error.errno or 0)
    return f"{chinese} / {english}" if chinese else f"系统错误 / {english}"
