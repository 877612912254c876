"""The command `etclane`: words in, a line or JSON out, plain sentences on stderr, non-zero on failure."""

import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Annotated

import structlog
import typer

from gateway import config as site_config
from gateway import replay as replaying
from gateway.cli import airframes, show
from gateway.cli import check as checking
from gateway.cli import decode as decoding
from gateway.cli import dissector as dissecting
from gateway.cli.capture import capture as captures
from gateway.cli.plainly import Commands, fail, plainly
from gateway.cli.tariff import FEE_COMMAND, FEE_EXAMPLE, fee, tariff
from gateway.daemon import BUILT, clock, serve
from gateway.journal import stamp
from gateway.ledger import imports, store
from gateway.ledger.entries import Draft, Moment, StayImported
from gateway.ledger.stays import Stays
from protocols.rsu import dialect

DEFAULT_SITE = Path("/etc/etclane/site.toml")
AIR = "dsrc"
"""What passes between antenna and tag: no antenna's dialect (GB/T 20851)."""
STAYS = f"inside.jsonl 每车一行 / one line per car:\n\n{imports.EXAMPLE}"

app = typer.Typer(
    name="etclane",
    cls=Commands,
    epilog=f"例 / example: {FEE_COMMAND}",
    help="ETC 停车场边缘网关 / the edge gateway of an ETC parking lot",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
ledger = typer.Typer(
    help="账本 / the ledger",
    epilog="例 / example: etclane ledger verify -c /etc/etclane/site.toml",
    no_args_is_help=True,
)
app.add_typer(ledger, name="ledger")
app.add_typer(captures, name="capture", epilog="例 / example: etclane capture convert lane1.log --dialect wanji")
app.add_typer(tariff, name="tariff", epilog="例 / example: etclane tariff check config/tariffs/*.toml")

Site = Annotated[Path, typer.Option("--config", "-c", help="车场配置 / the site's TOML")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON 输出 / for programs")]


def main() -> None:
    """Run the command line."""
    app()


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="版本 / show the version", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"etclane {installed('etclane')}")
        raise typer.Exit


@app.command(epilog="例 / example: etclane run -c /etc/etclane/site.toml")
def run(config: Site = DEFAULT_SITE) -> None:
    """运行网关，直到 SIGTERM / run the gateway until SIGTERM."""
    with plainly():
        site = site_config.load(config)
        _log_to_stderr()
        serve(site)


@app.command(epilog="例 / example: etclane demo --keep")
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="最后一辆车之后继续运行 / keep running")] = False,
) -> None:
    """演示车场：模拟天线、道闸和平台，真实网关 / a small lot: simulated devices, the real gateway."""
    # The simulators stand above this floor, so they are started, not imported.
    words = [sys.executable, "-m", "tools.demo", *(["--keep"] if keep else [])]
    raise typer.Exit(subprocess.call(words))


@app.command(epilog="例 / example: etclane check -c config/demo/site.toml")
def check(config: Site = DEFAULT_SITE) -> None:
    """检查配置，一次列出全部错误 / check a configuration: all mistakes at once, with file and line."""
    with plainly():
        site = site_config.load(config)
    for line in checking.said(config, site):
        typer.echo(line)


@app.command(epilog="例 / example: etclane decode --dialect wanji ffff001000000002c4013f41")
def decode(
    name: Annotated[
        str,
        typer.Option("--dialect", "-d", help="天线协议，空口为 dsrc / the antenna's dialect; dsrc: air"),
    ],
    hex_words: Annotated[
        list[str] | None, typer.Argument(metavar="[HEX]...", help="十六进制，缺省读标准输入 / or stdin")
    ] = None,
) -> None:
    """解码天线帧，每帧一行 JSON / decode antenna frames, one JSON object per frame; air frames one per line."""
    with plainly():
        known = (*dialect.names(), AIR)
        if name not in known:
            fail(f"没有协议 {name!r}，可用 / no such dialect; there are: {', '.join(known)}")
        # A bad byte in the text spoils no more than its own line.
        lines = typer.get_text_stream("stdin", errors="replace")
        pieces = [decoding.parse_hex(hex_words)] if hex_words else list(decoding.parse_lines(lines))
        if not any(pieces):
            fail("没有十六进制数据 / no hex given")
        # Without flags and FCS nothing tells where an air frame ends, but the line that it stands on.
        frames = list(
            airframes.decode_pieces(pieces) if name == AIR else decoding.decode_pieces(dialect.load(name), pieces)
        )
        if not frames:
            fail("其中没有帧 / there is no frame in it")
    for frame in frames:
        _print_json(frame)
    if any("error" in frame for frame in frames):
        raise typer.Exit(1)


@app.command(epilog="例 / example: etclane dissector -o etclane.lua")
def dissector(
    output: Annotated[Path | None, typer.Option("-o", "--output", help="缺省标准输出 / or stdout")] = None,
) -> None:
    """生成 Wireshark 解析脚本 / a Wireshark dissector for all dialects and air frames."""
    with plainly():
        if output:
            output.write_text(dissecting.dissector(), encoding="utf-8")
        else:
            typer.echo(dissecting.dissector().encode())


@app.command(epilog=f"例 / example: etclane replay lane1.pcapng -c site.toml --state inside.jsonl\n\n{STAYS}")
def replay(
    capture: Annotated[Path, typer.Argument(help="抓包文件 / a pcapng capture")],
    config: Site = DEFAULT_SITE,
    state: Annotated[Path | None, typer.Option("--state", help="场内车辆 JSON 行 / open stays, JSON lines")] = None,
) -> None:
    """重放抓包，打印事件、动作和流水 / replay a capture through the same sessions, cores and ledger."""
    with plainly():
        site = site_config.load(config)
        prelude = _stays_in(state) if state else []
        for line in replaying.replay(capture.read_bytes(), site, prelude):
            _print_json(line)


app.command(epilog=FEE_EXAMPLE)(fee)


@ledger.command(epilog="例 / example: etclane ledger verify -c site.toml")
def verify(config: Site = DEFAULT_SITE, as_json: AsJson = False) -> None:
    """逐条核对哈希链 / recompute every hash; works beside a running gateway."""
    with plainly():
        verdict = store.verify(site_config.load(config).ledger)
    if as_json:
        _print_json(show.verdict_json(verdict))
    else:
        typer.echo(show.verdict(verdict))
    if verdict.problems:
        raise typer.Exit(1)


@ledger.command("show", epilog="例 / example: etclane ledger show -c site.toml --after 100 --limit 20")
def ledger_show(
    config: Site = DEFAULT_SITE,
    after: Annotated[int, typer.Option(min=0, help="从此编号之后 / numbers above this")] = 0,
    limit: Annotated[int, typer.Option(min=-1, help="最多几条，-1 不限 / at most this many")] = -1,
    as_json: AsJson = False,
) -> None:
    """列出流水 / list entries."""
    with plainly():
        entries = store.read(site_config.load(config).ledger, after, limit)
    for entry in entries:
        _print_json({**entry.fields, "hash": entry.hash}) if as_json else typer.echo(show.entry(entry))


@ledger.command("import", epilog=f"例 / example: etclane ledger import inside.jsonl -c site.toml\n\n{STAYS}")
def import_stays(
    file: Annotated[Path, typer.Argument(help="场内车辆 JSON 行 / open stays, JSON lines")],
    config: Site = DEFAULT_SITE,
) -> None:
    """导入启用前已在场内的车辆 / take in cars that were inside before; the gateway must be stopped."""
    with plainly():
        site, now = site_config.load(config), clock()
        bodies = _stays_in(file)
        if not bodies:
            fail(f"{file}: 没有车辆 / holds no car")
        book = store.Store(site.ledger)
        try:
            stays = Stays()
            for draft in book.drafts():
                stays.apply(draft)
            for body in bodies:
                if stays.of(body.plate, body.color):
                    fail(f"{body.plate} 已在场内，未导入任何车辆 / is inside already; nothing was imported")
                if datetime.fromisoformat(body.entered) > now.wall:
                    fail(f"{body.plate} 入场时间晚于现在，未导入任何车辆 / entered after now; nothing was imported")
            moment = Moment(now.wall, now.mono, "import", trusted=now.wall >= BUILT)
            # The newest number makes the ids unlike those of any import before.
            begin = f"{book.chain}-{book.last}"
            book.append([Draft(moment, "", replace(body, stay=f"{begin}-{body.stay}")) for body in bodies])
        finally:
            book.close()
    typer.echo(f"已导入 {len(bodies)} 辆 / imported {len(bodies)}")


def _stays_in(file: Path) -> list[StayImported]:
    # "-sig": a file made on Windows may begin with a byte order mark.
    return list(imports.parse(file.read_text(encoding="utf-8-sig").splitlines()))


def _print_json(value: object) -> None:
    typer.echo(show.as_json(value))


def _stamp(_logger: object, _level: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """When it was, where the line itself does not say so."""
    event.setdefault("timestamp", stamp(datetime.now()))  # noqa: DTZ005  `stamp` adds the zone
    return event


def _log_to_stderr() -> None:
    """JSON for the journal, coloured lines for a terminal; libraries only when something is wrong."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what it would say stands in `BarrierDown`
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    renderer: Callable[..., str | bytes] = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _stamp,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
