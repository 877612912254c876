"""The ledger to one platform over MQTT 5: a thin shell around `sync.py`, which decides everything.

A connection ends in one manner only, cut off without a farewell: so the last will always speaks, and nothing ever
waits for a dead link. aiomqtt's own ending waits for an answer that a dead link does not give.
"""

import asyncio
import logging
import math
import socket
import sqlite3
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from random import Random
from typing import Final, NoReturn, Self

import aiomqtt
import structlog
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from drivers.backoff import Backoff
from gateway.ledger.store import LedgerError
from gateway.ledger.writer import Writer
from gateway.orders import NotUnderstood, Order
from gateway.uplink.formats import cloudevents
from gateway.uplink.options import UplinkOptions
from gateway.uplink.sync import (
    Acked,
    Action,
    Appended,
    Connected,
    Disconnected,
    Event,
    Load,
    Loaded,
    MoveCursor,
    Publish,
    Published,
    Reconnect,
    Sync,
    Tick,
)
from protocols.immutable import dataclass

PAUSE_FIRST, PAUSE_CEILING = 0.5, 30.0
"""Seconds between connections, jittered so that the lots of a city do not come back in step."""
REFUSED_FIRST, REFUSED_CEILING = 30.0, 600.0
"""Seconds, where the broker refuses us: a person has to act, and brokers ban those who insist."""
STEADY = 30.0
"""Seconds after which a connection was a good one. To have connected is not enough: two clients of one id kick each
other out for ever."""
SESSION_EXPIRY = 7 * 86400
"""Seconds for which the broker keeps acks for us while we are away."""
MOST_WAITING = 1000
"""Messages of the platform that wait for our attention. More is a flood; an ack that is dropped comes again."""

REMEDIES: Final = {
    # What a broken connection looks like too, and all that mosquitto 2.0.11 says of 0x8E.
    0x80: "连接中断；若反复出现，检查 client_id 是否重复 / it broke; if it does again and again, look for another "
    "client with our client_id",
    0x84: "服务器不支持 MQTT 5 / the broker does not speak MQTT 5",
    0x85: "检查 client_id / check client_id",
    0x86: "检查 username 和 password_file / check username and password_file",
    0x87: "检查登录信息和服务器的权限 / check username, password_file and the broker's access rules",
    0x8A: "已被服务器禁止 / the broker has banned us",
    0x8C: "服务器要求别的登录方式 / the broker wants another way to log in",
    0x8E: "另一台设备使用同一 client_id / another client uses the same client_id",
    0x93: "减小 window / make window smaller: it is above the broker's receive maximum",
    0x97: "服务器配额已满 / the broker's quota is used up",
}
"""What to do about a broker's reason code (MQTT 5, 2.4)."""
REFUSALS: Final = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C})
"""Reason codes that do not pass by themselves."""


def _properties(packet: int, **values: object) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


_CONTENT: Final = _properties(PacketTypes.PUBLISH, ContentType=cloudevents.CONTENT_TYPE, PayloadFormatIndicator=1)
"""What structured mode asks for (CloudEvents MQTT binding 3.2.1)."""
QUIET: Final = logging.getLogger("etclane.mqtt")
"""For paho and aiomqtt: what they would log reaches us as an error too, and we say it once."""
QUIET.setLevel(logging.CRITICAL)
_log = structlog.get_logger("uplink")


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """How it stands with one platform: up or why not, and the number up to which it has confirmed the ledger."""

    name: str
    connected: bool
    reason: str
    confirmed: int


class UplinkError(Exception):
    """This connection is of no use any more; the text says why."""


class NotGrantedError(aiomqtt.MqttCodeError):
    """The broker refuses a subscription, and the connection stands."""


class Link(aiomqtt.Client):
    """One connection to a broker: `async with` opens it and in the end cuts it off. Raises aiomqtt.MqttError."""

    async def __aenter__(self) -> Self:
        self.pending_calls_threshold = self._client.max_inflight_messages
        self._client.connect_timeout = self.timeout
        connecting = asyncio.ensure_future(super().__aenter__())
        try:
            await asyncio.shield(connecting)
        except BaseException:
            # paho connects in a thread that cannot be stopped, and its socket must not outlive us.
            await asyncio.gather(connecting, return_exceptions=True)
            self._cut_off()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._cut_off()

    async def send(
        self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties | None = None
    ) -> None:
        """Publish with QoS 1 and wait for the broker's yes."""
        async with self._answer():
            await self.publish(topic, payload, 1, retain, properties, timeout=math.inf)

    async def ask_for(self, topic: str) -> None:
        """Subscribe with QoS 1 and wait for the broker's yes. Raises NotGrantedError for its no."""
        async with self._answer():
            granted = await self.subscribe(topic, 1, timeout=math.inf)
        for code in granted:
            if isinstance(code, ReasonCode) and code.is_failure:
                raise NotGrantedError(code)

    @asynccontextmanager
    async def _answer(self) -> AsyncIterator[None]:
        """Our own time limit: aiomqtt's, `asyncio.wait_for` before Python 3.12, can swallow a cancellation."""
        try:
            async with asyncio.timeout(self.timeout):
                yield
        except TimeoutError as error:
            raise aiomqtt.MqttError(f"没有应答 / no answer within {self.timeout:g} s") from error

    def _cut_off(self) -> None:
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            # A reset: what the kernel still holds is unknown anyway and comes again on the next connection.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._client._sock_close()  # noqa: SLF001  neither library has an end that waits for nobody
        if self._disconnected.done():
            self._disconnected.exception()  # so that asyncio does not call it unheard

    def _on_socket_register_write(self, client: PahoClient, userdata: object, sock: socket.socket) -> None:
        """At once: aiomqtt does it one turn of the loop later, when the socket may be closed or another's."""
        if self._connected.done():
            self._loop.add_writer(sock.fileno(), client.loop_write)
        else:  # in paho's connecting thread
            super()._on_socket_register_write(client, userdata, sock)

    def _on_publish(
        self, client: PahoClient, userdata: object, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        """A PUBACK can say no (rights, quota); aiomqtt takes it for a yes."""
        if not reason_code.is_failure:
            super()._on_publish(client, userdata, mid, reason_code, properties)
        elif not self._disconnected.done():
            self._disconnected.set_exception(aiomqtt.MqttCodeError(reason_code))


class Uplink:
    """Syncs the ledger to one platform while `run` runs.

    `gateway` is this gateway's id, fit for a topic. In the event loop `report` hears of every change, and `obey` of
    every order of the platform, those not understood too; without it this gateway takes none.
    """

    def __init__(
        self,
        options: UplinkOptions,
        gateway: str,
        writer: Writer,
        report: Callable[[UplinkStatus], None],
        rng: Random,
        *,
        obey: Callable[[Order], None] | None = None,
    ) -> None:
        self._options = options
        self._gateway = gateway
        self._writer = writer
        self._report = report
        self._obey = obey
        self._pause = Backoff(PAUSE_FIRST, PAUSE_CEILING, rng)
        self._refused = Backoff(REFUSED_FIRST, REFUSED_CEILING, rng)
        self._log = _log.bind(uplink=options.name)
        self._sync: Sync | None = None
        self._confirmed = 0
        self._last = 0
        self._events: deque[Event] = deque()
        self._wake = asyncio.Event()

    def appended(self, last: int) -> None:
        """The ledger's newest durable entry is `last`. To be called in the event loop."""
        self._last = max(self._last, last)
        self._wake.set()

    async def run(self) -> NoReturn:
        """Connect, sync, and come back after every failure, until cancelled."""
        while True:
            begun = _now()
            failure = await self._until_failure()
            if self._sync:
                self._sync.on(Disconnected(), _now())
            if _now() - begun > STEADY:
                self._pause.reset()
                self._refused.reset()
            self._tell(connected=False, reason=failure.reason)
            await asyncio.sleep((self._refused if failure.refused else self._pause).next())

    async def _until_failure(self) -> "_Failure":
        try:
            await self._connection(self._sync or await self._recall())
        except* (aiomqtt.MqttError, UplinkError, OSError) as ended:
            failure = _why(ended)
        return failure

    async def _recall(self) -> Sync:
        """Where this platform stands, out of the ledger."""
        options = self._options
        with self._ledger():
            self._confirmed, last = await self._writer.call(lambda store: (store.cursor(options.name), store.last))
        self._sync = Sync(
            self._confirmed,
            last,
            window=options.window,
            confirm=options.confirm,
            ack_timeout=options.ack_timeout,
        )
        return self._sync

    async def _connection(self, sync: Sync) -> NoReturn:
        """One connection, from its opening to the failure that ends it."""
        link = _link(self._options, self._gateway, *await asyncio.to_thread(_secrets, self._options))
        async with link, asyncio.TaskGroup() as tasks:
            self._events.clear()
            tasks.create_task(self._listen(link))
            await self._greet(link)
            self._tell(connected=True, reason="")
            self._post(Connected())
            while True:
                await self._turn(sync, link, tasks)

    async def _greet(self, link: Link) -> None:
        """Acks are asked for before anything is published, so that none is missed."""
        if self._options.confirm == "ack":
            await link.ask_for(cloudevents.ACK.format(self._gateway))
        if self._obey:
            await self._ask_for_orders(link)
        topic, online = cloudevents.status(self._gateway, "online")
        await link.send(topic, online, retain=True)

    async def _ask_for_orders(self, link: Link) -> None:
        """A platform that may give us none still gets the ledger."""
        topic = cloudevents.ORDERS.format(self._gateway)
        try:
            await link.ask_for(topic)
        except NotGrantedError as error:
            self._log.warning(
                "服务器不允许订阅平台指令，账本照常上传，请检查服务器的权限 / the broker grants us no orders, "
                "and takes the ledger: check its access rules",
                topic=topic,
                error=str(error),
            )

    async def _turn(self, sync: Sync, link: Link, tasks: asyncio.TaskGroup) -> None:
        """Wait until something happens or is due, and carry out what follows from all that happened."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(sync.deadline):
                await self._wake.wait()
        self._wake.clear()
        events = [Appended(self._last), *self._events, Tick()]
        self._events.clear()
        actions = [action for event in events for action in sync.on(event, _now())]
        moves = [action for action in actions if isinstance(action, MoveCursor)]
        for action in actions:
            # One commit serves all moves of a turn.
            if not isinstance(action, MoveCursor) or action is moves[-1]:
                with self._ledger():
                    await self._carry_out(action, link, tasks)

    async def _carry_out(self, action: Action, link: Link, tasks: asyncio.TaskGroup) -> None:
        match action:
            case Publish(entry):
                # Tasks begin in the order of their creation, so this is the order on the wire.
                topic, payload = cloudevents.message(self._gateway, entry)
                tasks.create_task(self._publish(link, topic, payload, entry.number))
            case Load(after, limit):
                entries = await self._writer.call(lambda store: store.entries(after, limit))
                self._post(Loaded(after, entries))
            case MoveCursor(number):
                await self._writer.call(lambda store: store.move_cursor(self._options.name, number))
                self._confirmed = number
                self._tell(connected=True, reason="")
            case Reconnect(reason):
                raise UplinkError(reason)

    @contextmanager
    def _ledger(self) -> Iterator[None]:
        """A ledger that cannot be used ends the connection, not the daemon; what was not stored is asked anew."""
        try:
            yield
        except (sqlite3.Error, LedgerError, ValueError, LookupError, TypeError) as error:
            self._sync = None
            raise UplinkError(
                f"账本无法使用 / the ledger cannot be used: {error!r}; etclane ledger verify"
            ) from error

    async def _publish(self, link: Link, topic: str, payload: bytes, number: int) -> None:
        """Send one entry and wait for the broker's word. No word is no delivery: it ends the connection."""
        await link.send(topic, payload, properties=_CONTENT)
        self._post(Published(number))

    async def _listen(self, link: Link) -> None:
        """Take the platform's acks and orders; what is none is left out, each kind named once a connection."""
        named: set[str] = set()
        async for message in link.messages:
            ordered = message.topic.value == cloudevents.ORDERS.format(self._gateway)
            try:
                self._hear_order(message) if ordered else self._hear_ack(bytes(message.payload))
            except (cloudevents.AckError, cloudevents.OrderError) as error:
                what = "not an order" if ordered else "not an ack"
                if what not in named:
                    self._log.warning(what, error=str(error))
                named.add(what)
                if ordered and self._obey:
                    self._obey(NotUnderstood(str(error)))

    def _hear_ack(self, payload: bytes) -> None:
        ack = cloudevents.parse_ack(payload)
        if ack.gateway == self._gateway and len(self._events) < MOST_WAITING:
            self._post(Acked(ack.chain, ack.number))

    def _hear_order(self, message: aiomqtt.Message) -> None:
        """A retained one would be obeyed again after every outage."""
        if message.retain:
            raise cloudevents.OrderError("an order must not be retained")
        order = cloudevents.parse_order(bytes(message.payload))
        if self._obey:  # the broker may remember that an earlier configuration asked for orders
            self._obey(order)

    def _post(self, event: Event) -> None:
        self._events.append(event)
        self._wake.set()

    def _tell(self, *, connected: bool, reason: str) -> None:
        self._report(UplinkStatus(self._options.name, connected, reason, self._confirmed))


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    refused: bool


def _why(ended: BaseExceptionGroup[Exception]) -> _Failure:
    """What ended a connection, in words for a technician."""
    first: BaseException = ended
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    if isinstance(first, UplinkError):
        return _Failure(str(first), refused=False)
    if isinstance(first.__cause__, aiomqtt.MqttError):  # why a link that was listened to broke
        first = first.__cause__
    code = first.rc.value if isinstance(first, aiomqtt.MqttCodeError) and isinstance(first.rc, ReasonCode) else 0
    remedy = f"; {REMEDIES[code]}" if code in REMEDIES else ""
    return _Failure(f"没有连接 / no connection: {first}{remedy}", refused=code in REFUSALS)


def _secrets(options: UplinkOptions) -> tuple[str | None, ssl.SSLContext | None]:
    """Password and TLS, read from their files each time, so that a renewed one is found. Raises OSError."""
    password = None
    if options.password_file:
        password = options.password_file.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
    if options.tls is None:
        return password, None
    context = ssl.create_default_context(cafile=options.tls.ca_file)
    context.sslsocket_class = _TlsSocket
    if options.tls.cert_file:
        context.load_cert_chain(options.tls.cert_file, options.tls.key_file)
    return password, context


class _TlsSocket(ssl.SSLSocket):
    """Closed where its handshake fails: paho forgets it there."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  the signature of ssl
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def _link(options: UplinkOptions, gateway: str, password: str | None, tls: ssl.SSLContext | None) -> Link:
    topic, offline = cloudevents.status(gateway, "offline")
    return Link(
        options.host,
        options.broker_port,
        identifier=options.client_id or f"etclane-{gateway}-{options.name}",
        username=options.username,
        password=password,
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=False,
        properties=_properties(PacketTypes.CONNECT, SessionExpiryInterval=SESSION_EXPIRY),
        will=aiomqtt.Will(topic, offline, qos=1, retain=True),
        keepalive=options.keepalive,
        timeout=options.publish_timeout,
        logger=QUIET,
        max_queued_incoming_messages=MOST_WAITING,
        max_inflight_messages=options.window,
        tls_context=tls,
        # Nagle's algorithm and delayed acks together cost 40 ms a message.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
