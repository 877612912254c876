"""The generated dissector in the real tshark, against what the codec itself decodes.

Every capture is shown once, as PDML; a display filter needs a start of its own.
"""

import csv
import os
import random
import re
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.cli.dissector import dissector, script
from protocols.codec import Gbk, Record
from protocols.dsrc import link
from protocols.dsrc.equipment import TransferRequest
from protocols.errors import MessageError, ProtocolError
from protocols.obu import apdu
from protocols.pcapng import Interface, Packet, Writer
from protocols.rsu.dialect import Dialect, load, names
from protocols.rsu.framing import BadChecksum, Frame

GOLDEN = Path(__file__).parent.parent / "golden"
SESSIONS = sorted((GOLDEN / "wanji-session").glob("*.pcapng"))
SOULIN, WANJI = load("soulin"), load("wanji")
BEGIN = 1_700_000_000_000_000_000
OUT, IN = True, False
ROOT_IS_WARNED = 'Running as user "root" and group "root". This could be dangerous.'
KIND_AT_THE_END = re.compile(r"_(uint|int|string|bytes)$")
"""What a name gets where two layouts disagree about a field's kind."""

Chunk = tuple[bool, bytes]
Shown = list[tuple[str, str | None]]


@dataclass(frozen=True)
class Seen:
    """One packet as tshark shows it: what has a name of ours, in order, and all of it as text."""

    fields: Shown
    text: str

    def of(self, prefix: str) -> Shown:
        return [(name, value) for name, value in self.fields if name.startswith(prefix)]

    def values(self, name: str) -> list[str | None]:
        return [value for each, value in self.fields if each == name]

    def has(self, name: str) -> bool:
        return bool(self.values(name))


class Tshark:
    """tshark with the generated script and no configuration but ours."""

    def __init__(self, folder: Path, text: str = "") -> None:
        program = shutil.which("tshark")
        if program is None:
            pytest.fail("tshark is missing; install it: apt-get install tshark (sh tools/setup.sh does)")
        self._folder = folder
        self._command = [program, "-X", f"lua_script:{folder}/etclane.lua"]
        (folder / "etclane.lua").write_text(text or dissector(), encoding="utf-8")

    def lines(self, capture: bytes | Path, *words: str) -> str:
        path = capture if isinstance(capture, Path) else self._folder / "capture.pcapng"
        if isinstance(capture, bytes):
            path.write_bytes(capture)
        place = {"HOME": str(self._folder), "WIRESHARK_CONFIG_DIR": str(self._folder / "none"), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [*self._command, "-r", path, *words],
            env={"PATH": os.environ["PATH"], **place},
            capture_output=True,
            check=False,
            timeout=60,
        )
        errors = [line for line in done.stderr.decode().splitlines() if line != ROOT_IS_WARNED]
        assert (errors, done.returncode) == ([], 0)
        return done.stdout.decode()

    def show(self, capture: bytes | Path, *words: str) -> list[Seen]:
        text = self.lines(capture, "-T", "pdml", *words)
        assert "_ws.malformed" not in text
        assert "Lua Error" not in text
        return [_seen(packet) for packet in ET.fromstring(text).iter("packet")]  # noqa: S314  tshark's own

    def matching(self, capture: bytes | Path, display_filter: str) -> list[int]:
        return [
            int(n) for n in self.lines(capture, "-Y", display_filter, "-T", "fields", "-e", "frame.number").split()
        ]


def _seen(packet: ET.Element) -> Seen:
    parts = [each for each in packet.iter("field") if each.get("name", "").startswith("etclane.")]
    return Seen([(each.get("name", ""), _value(each)) for each in parts], ET.tostring(packet, encoding="unicode"))


def _value(element: ET.Element) -> str | None:
    shown = element.get("show")
    return shown.replace(":", "") if shown and re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2})+", shown) else shown


@pytest.fixture
def tshark(tmp_path: Path) -> Tshark:
    return Tshark(tmp_path)


def capture_of(description: str, chunks: Iterable[Chunk], seconds: float = 0.1) -> bytes:
    writer, port = Writer(), Interface("lane1", description)
    step = int(seconds * 1_000_000_000)
    packets = (Packet("lane1", BEGIN + n * step, outbound, data) for n, (outbound, data) in enumerate(chunks))
    return writer.header() + writer.interface(port) + b"".join(map(writer.packet, packets))


# --- what must be shown --------------------------------------------------------------------------------------


def expected(record: Record, path: str) -> Iterator[tuple[str, str | None]]:
    """Names and values of a record's fields; None for a text that tshark may write otherwise."""
    for field in record.FIELDS:
        name, value = f"{path}.{field.name}", getattr(record, field.name)
        match value:
            case None | b"":
                pass
            case Record():
                yield from expected(value, name)
            case tuple():
                for each in value:
                    yield from expected(each, name)
            case bytes():
                yield name, value.hex()
            case str() if isinstance(field.type, Gbk) and not (value.isprintable() and _is_plain(value)):
                yield name, None
            case _:
                yield name, str(value)


def _is_plain(text: str) -> bool:
    try:
        return text.encode("gb2312") is not None and "\\" not in text
    except UnicodeEncodeError:
        return False


def assert_shows(shown: Shown, wanted: Iterable[tuple[str, str | None]]) -> None:
    wanted = list(wanted)
    assert [KIND_AT_THE_END.sub("", name) for name, _ in shown] == [
        KIND_AT_THE_END.sub("", name) for name, _ in wanted
    ]
    assert [value for (_, value), (_, right) in zip(shown, wanted, strict=True) if right is not None] == [
        right for _, right in wanted if right is not None
    ]


def assert_shows_frame(packet: Seen, dialect: Dialect, data: bytes) -> None:
    """A packet of one frame shows what `Dialect.decode` gives, and says so where that gives nothing."""
    assert not packet.has("etclane.checksum.bad")
    shown = packet.of(f"etclane.{dialect.name}.")
    if not data:
        assert not shown
        return
    assert packet.values("etclane.command") == [f"0x{data[0]:02x}"]
    try:
        message = dialect.decode(data)
    except MessageError:
        assert packet.has("etclane.misfit")
        return
    assert not packet.has("etclane.misfit")
    assert packet.values("etclane.direction") == [dialect.direction(message)]
    assert_shows(shown, expected(message, f"etclane.{dialect.name}.{message.COMMAND:02x}"))


# --- golden frames -------------------------------------------------------------------------------------------


def rows(file: str) -> list[dict[str, str]]:
    with (GOLDEN / file).open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t"))


def golden(dialect: Dialect) -> list[bytes]:
    """Whole frames of the dialect's family, whoever spoke them."""
    family = dialect.framing.family
    found = [row["hex"] for row in rows("rsu-frames.tsv") if (row["family"], row["checksum_ok"]) == (family, "yes")]
    if family == "F1":
        found += [row["hex"] for row in rows("antenna-transcripts.tsv") if row["link"] == "rsu-pc"]
    return [bytes.fromhex(each) for each in dict.fromkeys(found)]


def invented(dialect: Dialect) -> Iterator[bytes]:
    """Frames around random DATA: of each table's own length or near it, with many small numbers for counts."""
    dice = random.Random(dialect.name)
    for table in dialect.tables:
        size = table.size()
        for spread in range(8):
            length = max(
                0, (dice.randrange(120) if size is None else size) + (0 if spread < 4 else dice.randint(-2, 2))
            )
            body = bytes(dice.choice((0, 1, 2, dice.randrange(256), 0xFE, 0xFF)) for _ in range(length))
            yield dialect.framing.encode(dice.randrange(1, 10), bytes((table.COMMAND,)) + body)


@pytest.mark.parametrize("name", names())
def test_shows_what_the_codec_decodes(tshark: Tshark, name: str) -> None:
    dialect = load(name)
    frames = [*golden(dialect), *invented(dialect)]
    shown = tshark.show(capture_of(name, [(IN, frame) for frame in frames], seconds=10))
    assert len(shown) == len(frames)
    for packet, frame in zip(shown, frames, strict=True):
        found = dialect.framing.framer().feed(frame)
        assert len(found) == 1
        assert isinstance(found[0], Frame)
        assert_shows_frame(packet, dialect, found[0].data)


@pytest.mark.parametrize("session", SESSIONS, ids=lambda path: path.stem)
def test_a_recorded_session(tshark: Tshark, session: Path) -> None:
    shown = tshark.show(session)
    assert [packet.values("etclane.command") for packet in shown] == [
        [f"0x{command}"] for command in ("c0", "b0", "c4", "b1", "cf", "b2", "c1", "b4", "c6", "b5", "c1")
    ]
    assert set(shown[7].values("etclane.plate")) == {"测A12345"}
    assert shown[7].values("etclane.card") == ["37010000000000000001"]
    assert shown[8].values("etclane.amount") == ["100"]
    assert shown[9].values("etclane.tac") == ["570bf7dc"]
    assert shown[9].values("etclane.balance") == [str(0xFA0A1E33 - 100)]
    assert {*shown[7].values("etclane.obu_id"), *shown[9].values("etclane.obu_id")} == {"652bc7a3"}
    assert not any(packet.has("etclane.checksum.bad") or packet.has("etclane.misfit") for packet in shown)


@pytest.mark.parametrize(
    ("display_filter", "packets"),
    [
        ('etclane.tac == "570bf7dc" || etclane.wanji.c6.fen == 100', [9, 10]),
        ('etclane.plate == "测A12345" && etclane.wanji.b4.card.net == "3701"', [8]),
        ("etclane.amount >= 1 && etclane.command == 0xc6", [9]),
        ('etclane.wanji && etclane.direction == "RSU->PC" && !etclane.checksum.bad', [2, 4, 6, 8, 10]),
        ("etclane.wanji.b4.card.plate contains 2345 || etclane.wanji.b4.station[0] == aa", [8]),
    ],
)
def test_display_filters(tshark: Tshark, display_filter: str, packets: list[int]) -> None:
    assert tshark.matching(SESSIONS[0], display_filter) == packets


def test_0019_under_both_layouts(tshark: Tshark) -> None:
    [b4] = [frame for frame in golden(SOULIN) if frame[3:4] == b"\xb4" and b"\xaa\x29" in frame][:1]
    [c6] = [frame for frame in golden(SOULIN) if frame[3:4] == b"\xc6"][:1]
    whole, short = tshark.show(capture_of("soulin", [(IN, b4), (OUT, c6)], seconds=10))
    assert whole.values("etclane.station.older.flag_stations") == ["112233445566778899"]
    assert whole.values("etclane.station.older.plate") == ["测A12345"]
    assert whole.values("etclane.station.since_2019.gantry") == ["112233"]
    assert whole.values("etclane.station.since_2019.tag") == ["170"]
    assert short.values("etclane.station.older.entry_time") == [str(0x5F46A22E)]
    assert not short.has("etclane.station.older.tag")
    assert not any(each.has("etclane.plate") != (each is whole) for each in (whole, short))


def test_a_0019_that_was_never_written_has_no_layout(tshark: Tshark) -> None:
    [b4] = [frame for frame in golden(SOULIN) if frame[3:4] == b"\xb4" and b"\xaa\x29" in frame][:1]
    data = SOULIN.framing.framer().feed(b4)[0].raw[3:-2].replace(b"\xaa\x29", b"\xab\x29")
    [packet] = tshark.show(capture_of("soulin", [(IN, SOULIN.framing.encode(0x38, data))]))
    assert packet.has("etclane.soulin.b4.station")
    assert not packet.of("etclane.station.")


def test_a_full_width_plate_needs_no_padding(tshark: Tshark) -> None:
    plate = "测试测试测试"
    frame = SOULIN.framing.encode(0x58, bytes.fromhex("b36a81353e00") + plate.encode("gbk") + bytes(4))
    [packet] = tshark.show(capture_of("soulin", [(IN, frame)]))
    assert packet.values("etclane.plate") == [plate]


# --- streams -------------------------------------------------------------------------------------------------


def sample(name: str) -> list[bytes]:
    """Three sound frames of this dialect, the middle one long."""
    dialect = load(name)
    frames = sorted((each for each in (*golden(dialect), *invented(dialect)) if _is_sound(dialect, each)), key=len)
    return [frames[0], frames[-1], frames[1]]


def _is_sound(dialect: Dialect, frame: bytes) -> bool:
    [found] = dialect.framing.framer().feed(frame)
    assert isinstance(found, Frame)
    try:
        dialect.decode(found.data)
    except MessageError:
        return False
    return True


FAMILIES = {load(name).framing.family: name for name in names()}


KNOWN_AT_ONCE = "frame.interface_id == 0 && frame.interface_description contains a"
"""A read filter: what it asks for, the first of two passes knows too, as Wireshark itself does."""


@pytest.mark.parametrize(
    "passes", [[], ["-2"], ["-2", "-R", KNOWN_AT_ONCE]], ids=["one pass", "two passes", "two, the first knowing"]
)
@pytest.mark.parametrize("name", FAMILIES.values(), ids=FAMILIES.keys())
def test_a_frame_torn_over_packets_of_one_direction_is_put_together(
    tshark: Tshark, name: str, passes: list[str]
) -> None:
    dialect = load(name)
    stream = b"".join(sample(name))
    cuts = [0, 2, len(stream) // 2, len(stream) // 2 + 1, len(stream)]
    pieces = [stream[begin:end] for begin, end in pairwise(cuts)]
    other = sample(name)[0]
    chunks = [chunk for piece in pieces for chunk in ((IN, piece), (OUT, other))]
    chunks.append((IN, other[:1]))
    shown = tshark.show(capture_of(f"antenna {name}", chunks), *passes)
    found = dialect.framing.framer().feed(stream)
    inbound = [value for packet in shown[::2] for value in packet.values("etclane.command")]
    assert inbound == [f"0x{frame.data[0]:02x}" for frame in found if isinstance(frame, Frame) and frame.data]
    assert all(packet.values("etclane.command") for packet in shown[1::2])
    assert shown[0].has("etclane.unfinished")
    assert shown[-1].has("etclane.unfinished")
    assert not any(packet.has("etclane.checksum.bad") or packet.has("etclane.noise") for packet in shown)


def test_an_unfinished_frame_is_not_waited_for_longer_than_an_antenna_takes(tshark: Tshark) -> None:
    begun, whole = sample("wanji")[1][:40], sample("wanji")[0]
    shown = tshark.show(capture_of("wanji", [(IN, begun), (IN, whole)], seconds=10))
    assert shown[1].values("etclane.command") == [f"0x{whole[8]:02x}"]
    assert not shown[1].has("etclane.noise")


def test_a_wrong_checksum_is_flagged_and_the_fields_are_shown(tshark: Tshark) -> None:
    for dialect, behind in ((SOULIN, 1), (WANJI, 0)):
        frame = sample(dialect.name)[1]
        at = len(frame) - behind - 1  # the checksum's last byte; F1 has a mark behind it
        broken = frame[:at] + bytes((frame[at] ^ 1,)) + frame[at + 1 :]
        noise, *_ = dialect.framing.framer().feed(broken)
        assert isinstance(noise, BadChecksum)
        bad, good = tshark.show(capture_of(dialect.name, [(IN, broken), (IN, frame)], seconds=10))
        assert bad.has("etclane.checksum.bad")
        assert not good.has("etclane.checksum.bad")
        assert bad.of(f"etclane.{dialect.name}.") == good.of(f"etclane.{dialect.name}.")


def test_noise_between_frames_is_named_and_the_frames_are_found(tshark: Tshark) -> None:
    first, long, last = sample("wanji")
    stream = b"\x01\x02" + first + b"\xff\xff\x00\x01\xff\xff\xff\xff" + long + b"\x99" + last
    [packet] = tshark.show(capture_of("wanji", [(IN, stream)]))
    assert packet.values("etclane.command") == [f"0x{frame[8]:02x}" for frame in (first, long, last)]
    assert len(packet.values("etclane.noise")) == 3


def test_hostile_bytes_give_no_error(tshark: Tshark) -> None:
    dice = random.Random(20851)
    writer = Writer()
    spoken = [*names(), "dsrc"]
    capture = writer.header() + b"".join(writer.interface(Interface(name, name)) for name in spoken)
    for n in range(600):
        data = bytes(dice.choice((0xFF, 0xFE, 0, dice.randrange(256))) for _ in range(dice.randrange(80)))
        capture += writer.packet(Packet(spoken[n % len(spoken)], BEGIN + n * 10_000_000, n % 7 == 0, data))
    assert len(tshark.show(capture)) == 600


def test_an_error_code_is_shown_with_its_meaning(tmp_path: Path) -> None:
    dialect = replace(WANJI, codes={(0xB4, 3): "three", (0xB5, 3): "not this", (0xB0, 2): "two"})
    tshark = Tshark(tmp_path, script([dialect]))
    frames = [WANJI.framing.encode(1, bytes.fromhex(data)) for data in ("b46a81353e03", "b46a81353e02")]
    coded, other = tshark.show(capture_of("wanji", [(IN, frame) for frame in frames]))
    assert "error: 3 (0x03) three" in coded.text
    assert 'error: 2 (0x02)"' in other.text


def test_a_count_of_zero_is_doubted_where_both_ways_add_up(tshark: Tshark) -> None:
    data = bytes.fromhex("b1 000001 00 01 00 02 00 01 00 01000002")
    message = WANJI.decode(data)
    [packet] = tshark.show(capture_of("wanji", [(IN, WANJI.framing.encode(1, data))]))
    assert len(packet.values("etclane.wanji.b1.psams_1.channel")) == 1
    assert_shows(packet.of("etclane.wanji."), expected(message, "etclane.wanji.b1"))


# --- which dialect -------------------------------------------------------------------------------------------


def test_the_description_names_the_dialect_and_the_preference_overrides(tshark: Tshark) -> None:
    frame = sample("soulin")[1]
    words = ("-o", "etclane.dialect:soulin")
    by_word = tshark.show(capture_of("antenna Soulin, 10.0.0.2:60001", [(IN, frame)]))
    overridden = tshark.show(capture_of("wanji", [(IN, frame)]), *words)
    unnamed = tshark.show(capture_of("", [(IN, frame)]), *words)
    assert by_word[0].of("etclane.soulin.")
    assert by_word[0].fields == overridden[0].fields == unnamed[0].fields


def test_an_unknown_dialect_is_said(tshark: Tshark) -> None:
    [packet] = tshark.show(capture_of("no such antenna", [(IN, sample("wanji")[0])]))
    assert packet.has("etclane.unknown")
    assert not packet.has("etclane.command")


def test_a_barrier_is_shown_as_it_was_recorded(tshark: Tshark) -> None:
    [packet] = tshark.show(capture_of("inputs of a barrier", [(IN, b"presence on")]), "-o", "etclane.dialect:wanji")
    assert packet.values("etclane.input") == ["presence on"]


def tcp(segments: Sequence[bytes]) -> bytes:
    """A pcap of one TCP connection from the antenna's port 9527, raw IPv4 (link type 101)."""
    capture, sequence = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101), 1
    for n, data in enumerate(segments):
        segment = struct.pack(">HHIIBBHHH", 9527, 50000, sequence, 1, 0x50, 0x18, 8192, 0, 0) + data
        packet = struct.pack(
            ">BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), n, 0, 64, 6, 0, b"\x0a\0\0\x02", b"\x0a\0\0\x01"
        )
        packet += segment
        capture += struct.pack("<IIII", 1_700_000_000, n, len(packet), len(packet)) + packet
        sequence += len(data)
    return capture


@pytest.mark.parametrize("name", FAMILIES.values(), ids=FAMILIES.keys())
def test_a_live_capture_of_the_tcp_port_by_decode_as(tshark: Tshark, name: str) -> None:
    dialect, frames = load(name), sample(name)
    stream = b"".join(frames)
    half = len(frames[0]) + len(frames[1]) // 2
    shown = tshark.show(tcp([stream[:half], stream[half:]]), "-d", f"tcp.port==9527,etclane.{name}")
    found = dialect.framing.framer().feed(stream)
    commands = [value for packet in shown for value in packet.values("etclane.command")]
    assert commands == [f"0x{frame.data[0]:02x}" for frame in found if isinstance(frame, Frame) and frame.data]
    assert not any(packet.has("etclane.unfinished") or packet.has("etclane.checksum.bad") for packet in shown)


# --- air frames ----------------------------------------------------------------------------------------------


def air_frames() -> list[Chunk]:
    found = [row for row in rows("dsrc-frames.tsv") if row["layer"].startswith("DSRC L2")]
    found += [row for row in rows("antenna-transcripts.tsv") if row["link"] == "air"]
    return [(row["direction"] == "down", bytes.fromhex(row["hex"])) for row in found if _is_hex(row["hex"])]


def _is_hex(text: str) -> bool:
    return re.fullmatch(r"[0-9a-fA-F\s]+", text) is not None


def damaged(chunks: Sequence[Chunk]) -> Iterator[Chunk]:
    """Each frame cut short and with a byte changed."""
    dice = random.Random(5830)
    for outbound, data in chunks:
        yield outbound, data[: dice.randrange(1, len(data))]
        at = dice.randrange(4, len(data))
        yield outbound, data[:at] + bytes((data[at] ^ 1 << dice.randrange(8),)) + data[at + 1 :]


def assert_shows_air_frame(packet: Seen, data: bytes) -> None:
    """A packet shows what `link.decode` gives, and says so where that gives nothing."""
    try:
        frame = link.decode(data)
    except ProtocolError:
        assert packet.has("etclane.misfit")
        return
    assert not packet.has("etclane.misfit")
    wanted = list(expected(frame.head, "etclane.dsrc"))
    for pdu in frame.pdus:
        word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(pdu).__name__).lower()
        wanted += expected(pdu, f"etclane.dsrc.{word}")
    assert_shows(packet.of("etclane.dsrc."), wanted)
    assert packet.values("etclane.direction") == ["OBU->RSU" if frame.uplink else "RSU->OBU"]
    assert packet.has("etclane.checksum") == (frame.fcs is not None)


def test_air_frames_show_what_the_codec_decodes(tshark: Tshark) -> None:
    chunks = air_frames()
    chunks += list(damaged(chunks))
    for (_, data), packet in zip(chunks, tshark.show(capture_of("dsrc", chunks)), strict=True):
        assert_shows_air_frame(packet, data)


def test_card_commands_on_air_go_by_their_titles(tshark: Tshark) -> None:
    chunks = air_frames()
    for (_, data), packet in zip(chunks, tshark.show(capture_of("dsrc", chunks)), strict=True):
        asked = [each for pdu in link.decode(data).pdus if isinstance(pdu, TransferRequest) for each in pdu.apdus]
        if asked:
            assert packet.values("etclane.apdu") == [apdu.decode_command(each.data).title for each in asked]


def test_a_trade_on_air_shows_its_card_commands(tshark: Tshark) -> None:
    trade = [
        row for row in rows("antenna-transcripts.tsv") if (row["scenario"], row["link"]) == ("exit-normal", "air")
    ]
    chunks = [(row["direction"] == "down", bytes.fromhex(row["hex"])) for row in trade]
    shown = tshark.show(capture_of("dsrc", chunks))
    assert not shown[0].has("etclane.obu_id")
    assert len({value for packet in shown for value in packet.values("etclane.obu_id")}) == 1
    titles = {title for packet in shown for title in packet.values("etclane.apdu")}
    assert {apdu.DEBIT.title, apdu.INIT_PURCHASE.title} <= titles
    [tac] = [value for packet in shown for value in packet.values("etclane.tac")]
    [debit] = [packet for packet in shown if packet.has("etclane.apdu.debit.answer.tac")]
    assert [tac] == debit.values("etclane.apdu.debit.answer.tac")
    assert "9000" in (debit.values("etclane.apdu.sw")[-1] or "")


@pytest.mark.parametrize("fcs", link.VARIANTS, ids=lambda fcs: fcs.name)
def test_flags_and_fcs_of_an_air_frame_are_taken_off(tshark: Tshark, fcs: link.Fcs) -> None:
    _, data = air_frames()[0]
    body = data + fcs.of(data)
    bare, ended, flagged = tshark.show(
        capture_of("dsrc", [(OUT, data), (OUT, body), (OUT, b"\x7e" + body + b"\x7e")])
    )
    assert bare.of("etclane.dsrc.") == ended.of("etclane.dsrc.") == flagged.of("etclane.dsrc.")
    assert not bare.has("etclane.checksum")
    assert ended.has("etclane.checksum")
    assert fcs.name in flagged.text


BALANCE_ASKED = "91 05 01 03 18 01 01 05 805c000204"
BALANCE_TOLD = "00 91 18 01 19 01 01 06 000d8f8e9000 00"


@pytest.mark.parametrize(
    ("asked", "between", "told", "known"),
    [
        ("40 77", "", "e0 f7", True),
        ("40 f7", "", "e0 77", True),
        ("40 77", "", "e0 77", False),
        ("40 03", "", "e0 83", False),
        ("40 77", "40 f7 99 05 01 04 1a 00", "e0 f7", False),
        ("40 77", "40 f7 99 05 01 04 1a 00", "e0 77", False),
    ],
    ids=["answer", "other bit", "same bit", "unacknowledged", "long ago", "of another command"],
)
@pytest.mark.parametrize("passes", [[], ["-2"]], ids=["one pass", "two passes"])
def test_an_answer_on_air_is_read_by_the_command_it_answers(
    tshark: Tshark, asked: str, between: str, told: str, passes: list[str], *, known: bool
) -> None:
    frames = [(OUT, f"{asked} {BALANCE_ASKED}"), (OUT, between), (IN, f"{told} {BALANCE_TOLD}")]
    chunks = [(way, bytes.fromhex("0a11fe22" + text)) for way, text in frames if text]
    assert tshark.show(capture_of("dsrc", chunks), *passes)[-1].has("etclane.apdu") == known


def test_a_tag_between_flags_and_without_is_the_same(tshark: Tshark) -> None:
    asked, told = (
        bytes.fromhex(f"0a11fe22 {text}") for text in (f"40 77 {BALANCE_ASKED}", f"e0 f7 {BALANCE_TOLD}")
    )
    shown = tshark.show(capture_of("dsrc", [(OUT, b"\x7e" + asked + b"\x7e"), (IN, told)]))
    assert shown[1].values("etclane.apdu") == [apdu.BALANCE.title]


def test_a_card_is_asked_nothing_of_a_psam(tshark: Tshark) -> None:
    texts = [f"0a11fe22 40 77 91 05 01 03 18 {channel} 01 05 00b0960006" for channel in ("01", "02")]
    card, chip = tshark.show(capture_of("dsrc", [(OUT, bytes.fromhex(text)) for text in texts]))
    assert card.values("etclane.apdu") == [apdu.READ_BINARY.title]
    assert chip.values("etclane.apdu") == [apdu.READ_TERMINAL.title]


@pytest.mark.parametrize(
    "text",
    [
        "7e 08000001 a0 1234 7e",
        "7e 08000001 a0 7e",
        "7e 080001 a0 7e",
        "7e 08000001 e0 77 00 7e",
        "7e 00000000000000 ffff 7e",
        "7e 7e",
        "7e 7e 7e",
    ],
)
def test_flags_of_short_air_frames(tshark: Tshark, text: str) -> None:
    [packet] = tshark.show(capture_of("dsrc", [(IN, bytes.fromhex(text))]))
    assert_shows_air_frame(packet, bytes.fromhex(text))
