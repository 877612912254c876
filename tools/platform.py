"""A small city platform: receives a gateway's entries, checks them, acknowledges each, and authorises PSAMs.

python -m tools.platform --port 1883 --gateway demo --report platform.json
"""

import argparse
import asyncio
import json
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.ledger.entries import AuthorisationWanted, canonical, digest
from gateway.tariff.quote import yuan
from gateway.uplink.formats.cloudevents import ACK, ENTRIES, ORDER_PREFIX, ORDERS
from gateway.uplink.mqtt import QUIET, Link
from protocols.obu.psam import PsamKeys, authorisation

PAUSE = 0.2
"""Seconds between connections to the broker beside us."""
REPORT_EVERY = 0.2
SESSION_EXPIRY = 86400
TIMEOUT = 5.0

Key = tuple[str, str, int]
"""Gateway, chain, number: what makes an entry that entry."""


@dataclass(slots=True)
class Counts:
    """What has come in. Only `received` and `repeats` may differ from a day without outages."""

    received: int = 0
    unique: int = 0
    repeats: int = 0
    different_repeats: int = 0
    out_of_order: int = 0
    gaps: int = 0
    unreadable: int = 0
    settled_fen: int = 0


@dataclass(slots=True)
class Books:
    """What the platform knows of the gateways: each entry once, in order, its hash recomputed."""

    counts: Counts = field(default_factory=Counts)
    _payloads: dict[Key, bytes] = field(default_factory=dict)
    _newest: dict[tuple[str, str], int] = field(default_factory=dict)
    _fen: dict[str, int] = field(default_factory=dict)

    def take(self, payload: bytes) -> tuple[Key, dict[str, Any] | None] | None:
        """Book a message: its key, and the entry if it is new. None if it is no entry of ours."""
        self.counts.received += 1
        try:
            key, entry = _read(payload)
        except (ValueError, LookupError, TypeError):
            self.counts.unreadable += 1
            return None
        seen = sha256(payload).digest()
        if key in self._payloads:
            self.counts.repeats += 1
            self.counts.different_repeats += self._payloads[key] != seen
            return key, None
        self._payloads[key] = seen
        self.counts.unique += 1
        self._place(key)
        self._book(entry["kind"], entry["body"])
        return key, entry

    def _place(self, key: Key) -> None:
        gateway, chain, number = key
        newest = self._newest.get((gateway, chain))
        if newest is not None:
            self.counts.out_of_order += number < newest
            self.counts.gaps += max(0, number - newest - 1)
        self._newest[gateway, chain] = max(number, newest or number)

    def _book(self, kind: str, body: dict[str, Any]) -> None:
        if kind == "debit.intended":
            self._fen[body["intent"]] = body["fen"]
        elif kind == "debit.settled":
            self.counts.settled_fen += self._fen.get(body["intent"], 0)


def _read(payload: bytes) -> tuple[Key, dict[str, Any]]:
    """Key and entry of a message. Raises ValueError, LookupError or TypeError for anything else."""
    event = json.loads(payload)
    entry = event["data"]["entry"]
    if digest(canonical(entry)) != event["data"]["hash"]:
        raise ValueError("the hash is not that of the entry")
    gateway, chain, number = event["id"].split("/")
    if (chain, int(number)) != (entry["chain"], entry["number"]):
        raise ValueError("the id is not that of the entry")
    return (gateway, chain, entry["number"]), entry


def line_of(key: Key, entry: dict[str, Any]) -> str:
    """An entry in a line, for a person."""
    body = entry["body"]
    told = [
        f"{name}={body[name]}" for name in ("plate", "what", "reason", "why", "outcome", "device") if body.get(name)
    ]
    if "fen" in body:
        told.append(f"{yuan(body['fen'])} 元")
    return " ".join([f"{key[2]:>6}", f"{entry['lane'] or '-':<8}", f"{entry['kind']:<16}", *told])


class Platform:
    """Receives from the broker at `host`:`port` while `run` runs; `say` gets a line for each new entry.

    With `keys`, test keys, it orders what each `authorisation.wanted` asks for.
    """

    def __init__(
        self,
        port: int,
        gateway: str,
        *,
        host: str = "127.0.0.1",
        ack: bool = True,
        say: Callable[[str], None] = lambda _: None,
        keys: PsamKeys | None = None,
    ) -> None:
        self._broker = host, port
        self._gateway = gateway
        self._say = say
        self._keys = keys
        self._books = Books()
        self._changed = asyncio.Condition()
        self.ack = ack

    @property
    def counts(self) -> Counts:
        """What has come in so far."""
        return self._books.counts

    async def until(self, enough: Callable[[Counts], bool]) -> None:
        """Come back when the counts are so."""
        async with self._changed:
            await self._changed.wait_for(lambda: enough(self.counts))

    async def run(self) -> NoReturn:
        """Receive until cancelled, over all failures of the broker."""
        while True:
            try:
                await self._connection()
            except* aiomqtt.MqttError:
                await asyncio.sleep(PAUSE)

    async def _connection(self) -> None:
        kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        kept.SessionExpiryInterval = SESSION_EXPIRY
        link = Link(
            *self._broker,
            identifier=f"platform-of-{self._gateway}",
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            properties=kept,
            timeout=TIMEOUT,
            logger=QUIET,
        )
        async with link, asyncio.TaskGroup() as acks:
            await link.ask_for(ENTRIES.format(self._gateway))
            async for message in link.messages:
                await self._take(bytes(message.payload), link, acks)

    async def _take(self, payload: bytes, link: Link, acks: asyncio.TaskGroup) -> None:
        taken = self._books.take(payload)
        async with self._changed:
            self._changed.notify_all()
        if taken is None:
            return
        key, entry = taken
        gateway, chain, number = key
        if entry:
            self._say(line_of(key, entry))
        if self.ack:
            ack = canonical({"gateway": gateway, "chain": chain, "number": number}).encode()
            acks.create_task(link.send(ACK.format(self._gateway), ack))
        if entry and self._keys and entry["kind"] == AuthorisationWanted.KIND:
            order = authorise(self._keys, key, entry["body"])
            acks.create_task(link.send(ORDERS.format(self._gateway), order))


def authorise(keys: PsamKeys, key: Key, wanted: dict[str, Any]) -> bytes:
    """The order that answers this entry, with the rule of our own software PSAM."""
    mac = authorisation(keys, bytes.fromhex(wanted["random"])).hex()
    order = {
        "specversion": "1.0",
        "id": "/".join(map(str, key)),
        "source": "/platform",
        "type": f"{ORDER_PREFIX}authorise_psam",
        "datacontenttype": "application/json",
        "data": {"device": wanted["device"], "random": wanted["random"], "mac": mac},
    }
    return canonical(order).encode()


async def _keep_report(platform: Platform, path: Path) -> NoReturn:
    """Write the counts whenever they have changed, and once more in the end."""
    written: dict[str, int] = {}
    try:
        while True:
            written = _report(platform.counts, path, written)
            await asyncio.sleep(REPORT_EVERY)
    finally:
        _report(platform.counts, path, written)


def _report(counts: Counts, path: Path, written: dict[str, int]) -> dict[str, int]:
    """Replace the file if it would say something else, so that a reader always finds a whole one."""
    now = asdict(counts)
    if now != written:
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(json.dumps(now) + "\n")
        fresh.replace(path)
    return now


async def _main(options: argparse.Namespace) -> None:
    platform = Platform(
        options.port,
        options.gateway,
        host=options.host,
        ack=not options.no_ack,
        say=(lambda _: None) if options.quiet else lambda line: print(line, flush=True),
        keys=_test_keys(options.authorise) if options.authorise else None,
    )
    ended = asyncio.Event()
    for end in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(end, ended.set)
    async with asyncio.TaskGroup() as tasks:
        work = [tasks.create_task(platform.run())]
        if options.report:
            work.append(tasks.create_task(_keep_report(platform, options.report)))
        await ended.wait()
        for task in work:
            task.cancel()


def _test_keys(authorisation_key: str) -> PsamKeys:
    """The one that a platform needs here; it opens no files and makes no purchases."""
    return PsamKeys(bytes(16), bytes(16), bytes.fromhex(authorisation_key))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools.platform", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--gateway", required=True, help="the gateway to receive from / 网关编号")
    parser.add_argument("--report", type=Path, help="file for the counts, as JSON / 统计写入此文件")
    parser.add_argument("--no-ack", action="store_true", help="acknowledge nothing / 不应答")
    parser.add_argument(
        "--authorise", metavar="KEY", help="authorise PSAMs with this TEST key, 32 hex digits / 用此测试密钥授权"
    )
    parser.add_argument("--quiet", action="store_true", help="no line per entry / 不逐条显示")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(_main(_options()))
