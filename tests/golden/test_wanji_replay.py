"""The captured Wanji session once more: what it must say, and that no other capture makes it say more than is true.

`wanji-session/build.py` tells where its frames come from.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.config import load
from gateway.ledger import imports
from gateway.replay import replay
from protocols.errors import CaptureError
from protocols.pcapng import Interface, Packet, Writer, read
from protocols.rsu import dialect
from protocols.rsu.framing import Frame, f2_encode
from protocols.rsu.messages import CHINA, Contents, Purchase

HERE = Path(__file__).parent / "wanji-session"
WANJI = dialect.load("wanji")
SITE = load(HERE / "site.toml")
INSIDE = tuple(imports.parse((HERE / "inside.jsonl").read_text(encoding="utf-8").splitlines()))
GOLDEN = (HERE / "session.pcapng").read_bytes()
ZEROED = (HERE / "session-zeroed-0019.pcapng").read_bytes()
START = read(GOLDEN).packets[0].time_ns

Turn = tuple[float, bool, bytes]
"""Seconds after the first packet, whether the PC speaks, and the frame."""
Line = Mapping[str, Any]
B2, B4, C6, B5, LAST_C1 = 5, 7, 8, 9, 10  # turns of the session


def build() -> ModuleType:
    spec = spec_from_file_location("build", HERE / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def session() -> list[Turn]:
    return [((packet.time_ns - START) / 1e9, packet.outbound, packet.data) for packet in read(GOLDEN).packets]


def capture(turns: Iterable[Turn], name: str = "rsu1", start: int = START, description: str = "") -> bytes:
    writer = Writer()
    out = writer.header() + writer.interface(Interface(name, description))
    for seconds, outbound, data in turns:
        out += writer.packet(Packet(name, start - START + at_second(seconds), outbound, data))
    return out


def with_inputs(*inputs: tuple[float, bytes]) -> bytes:
    """The session, with what the recorder writes of the barrier's inputs."""
    writer = Writer()
    out = writer.header() + writer.interface(Interface("rsu1", "")) + writer.interface(Interface("gate1", ""))
    packets = [
        *read(GOLDEN).packets,
        *(Packet("gate1", at_second(when), outbound=False, data=data) for when, data in inputs),
    ]
    for packet in sorted(packets, key=lambda packet: packet.time_ns):
        out += writer.packet(packet)
    return out


def at_second(seconds: float) -> int:
    return START + round(seconds * 1000) * 1_000_000


def lines(capture: bytes, inside: tuple[imports.StayImported, ...] = INSIDE) -> list[Line]:
    return [json.loads(json.dumps(line)) for line in replay(capture, SITE, inside)]


def entries(said: list[Line]) -> dict[str, Any]:
    """Bodies by kind; of several the last."""
    return {line["entry"]["kind"]: line["entry"]["body"] for line in said if "entry" in line}


def orders(said: list[Line]) -> list[str]:
    return [line["action"]["what"] for line in said if "action" in line]


def kinds(said: list[Line]) -> set[str]:
    return {kind for line in said for kind in line if kind != "at"}


def data_of(frame: bytes) -> bytes:
    (found,) = WANJI.framing.framer().feed(frame)
    assert isinstance(found, Frame)
    return found.data


def with_fen(frame: bytes, fen: int) -> bytes:
    """The same C6 for another amount."""
    (purchase,) = WANJI.hear(WANJI.decode(data_of(frame)))
    assert isinstance(purchase, Purchase)
    return f2_encode(frame[3], WANJI.encode(replace(purchase, fen=fen)))


# --- the session -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "zeroed"), [("session.pcapng", False), ("session-zeroed-0019.pcapng", True)])
def test_the_capture_is_what_its_builder_makes(file: str, *, zeroed: bool) -> None:
    assert (HERE / file).read_bytes() == build().session(zeroed=zeroed)


def test_the_session_says_what_was_captured() -> None:
    said = lines(GOLDEN)
    (read,) = (line["event"] for line in said if line.get("event", {}).get("what") == "TagRead")
    assert read["tag"]["obu_id"] == "652bc7a3"
    assert read["vehicle"]["plate"] == "测A12345"
    assert read["card"]["balance"] == 4194967091
    (done,) = (line["event"] for line in said if line.get("event", {}).get("what") == "DebitDone")
    assert done["proof"] == {
        "what": "DebitProof",
        "terminal": "01370004727f",
        "terminal_serial": 35,
        "card_serial": 63,
        "tac": "570bf7dc",
        "trade_type": 9,
        "algorithm": 0,
        "at": "2021-01-04T17:13:56+08:00",
        "balance": 4194966991,
    }


def test_the_session_is_booked() -> None:
    said = lines(GOLDEN)
    assert all(line["entry"]["trusted"] for line in said if "entry" in line)
    booked = entries(said)
    assert list(booked) == [
        "stay.imported",
        "booted",
        "device.changed",
        "debit.intended",
        "debit.settled",
        "stay.closed",
    ]
    assert (booked["debit.intended"]["fen"], booked["debit.intended"]["balance_before"]) == (100, 4194967091)
    settled = booked["debit.settled"]
    assert (settled["evidence"], settled["balance_after"]) == ("result", 4194966991)
    assert settled["proof"]["tac"] == "570bf7dc"
    assert booked["stay.closed"]["quote"]["total"] == booked["stay.closed"]["paid"] == 100


def test_the_session_is_carried_out_in_order() -> None:
    said = lines(GOLDEN)
    assert orders(said) == ["Debit", "Release", "OpenBarrier", "Show"]
    assert kinds(said) == {"event", "entry", "action"}
    at = [line["at"] for line in said]
    assert at == sorted(at)
    intended = next(n for n, line in enumerate(said) if line.get("entry", {}).get("kind") == "debit.intended")
    debit = next(n for n, line in enumerate(said) if line.get("action", {}).get("what") == "Debit")
    assert intended < debit


def test_the_same_input_gives_the_same_bytes() -> None:
    words = ["replay", HERE / "session.pcapng", "-c", HERE / "site.toml", "--state", HERE / "inside.jsonl"]
    first, second = (CliRunner().invoke(app, [str(word) for word in words]) for _ in range(2))
    assert first.exit_code == 0
    assert first.stdout_bytes == second.stdout_bytes
    for word in ("652bc7a3", "测A12345", "4194967091", "570bf7dc", "01370004727f"):
        assert word.encode() in first.stdout_bytes


def test_another_input_is_another_ledger() -> None:
    ids = {line["entry"]["chain"] for said in (lines(GOLDEN), lines(ZEROED)) for line in said if "entry" in line}
    assert len(ids) == 2


# --- where we would have said something else ---------------------------------------------------------------


def assert_not_booked(said: list[Line]) -> None:
    booked = entries(said)
    assert "debit.settled" not in booked
    assert "stay.closed" not in booked
    assert "OpenBarrier" not in orders(said)


def test_a_0019_record_written_as_zeros_diverges_and_settles_nothing() -> None:
    said = lines(ZEROED)
    assert_not_booked(said)
    (diverged,) = (line["diverged"] for line in said if "diverged" in line)
    (ours,), (recorded,) = diverged["ours"], diverged["recorded"]
    assert (ours["what"], ours["fen"]) == (recorded["what"], recorded["fen"]) == ("Purchase", 100)
    assert recorded["station"] == "aa29" + "00" * 41
    assert ours["station"].startswith("aa2900c3b5d1")
    (skipped,) = (line["skipped"] for line in said if "skipped" in line)
    assert skipped["words"][0]["tac"] == "570bf7dc"


@pytest.mark.parametrize("fen", [99, 101, 0])
def test_another_amount_diverges_and_settles_nothing(fen: int) -> None:
    turns = session()
    seconds, outbound, frame = turns[C6]
    turns[C6] = (seconds, outbound, with_fen(frame, fen))
    said = lines(capture(turns))
    assert_not_booked(said)
    (diverged,) = (line["diverged"] for line in said if "diverged" in line)
    assert (diverged["ours"][0]["fen"], diverged["recorded"][0]["fen"]) == (100, fen)


def test_a_pc_that_did_not_begin_as_we_do_diverges_until_the_antenna_begins_anew() -> None:
    said = lines(capture([(0.0, *session()[2][1:]), *session()[1:]]))  # C4 where C0 belongs
    (diverged,) = (line["diverged"] for line in said if "diverged" in line)
    assert [word["what"] for word in (*diverged["ours"], *diverged["recorded"])] == ["Init", "Antenna"]
    (init,) = diverged["ours"]  # what we would have said, with its time and not with what it is compared by
    assert init["at"][:19] == datetime.fromtimestamp(START // 10**9, CHINA).isoformat()[:19]
    assert init["entry"] is False
    assert entries(said)["stay.closed"]["paid"] == 100


def test_a_debit_that_the_recorded_pc_did_not_make_diverges() -> None:
    said = lines(capture(session()[: B4 + 1]))
    assert_not_booked(said)
    assert [line["diverged"]["recorded"] for line in said if "diverged" in line] == [[]]


def test_without_the_car_inside_the_recorded_debit_diverges() -> None:
    said = lines(GOLDEN, ())
    assert_not_booked(said)
    assert entries(said)["passage.refused"]["why"] == "no entry record"
    assert "diverged" in kinds(said)


def test_the_balance_after_anothers_debit_is_no_evidence_of_ours() -> None:
    """The antenna finds the tag anew, less by the amount that the recorded PC took with its own order."""
    (contents,) = (
        word for word in WANJI.hear(WANJI.decode(data_of(session()[B4][2]))) if isinstance(word, Contents)
    )
    assert contents.card is not None
    b4 = data_of(session()[B4][2])
    less = b4.replace(contents.card.balance.to_bytes(4), (contents.card.balance - 100).to_bytes(4))
    assert less != b4
    turns = session()[:B5]
    turns[C6] = (turns[C6][0], True, read(ZEROED).packets[C6].data)
    for seconds in (8.0, 40.0):
        turns += [(seconds, False, turns[B2][2]), (seconds + 0.1, False, f2_encode(0x20, less))]
    said = lines(capture(turns))
    assert_not_booked(said)
    booked = entries(said)
    assert booked["debit.unresolved"]["reason"].startswith("no result within")
    assert booked["passage.refused"]["why"] == "earlier debit unresolved"  # and the second time it was heard
    assert [line["event"]["trade"] for line in said if line.get("event", {}).get("what") == "TagRead"] == [1, 2]


def test_an_antenna_that_falls_silent_is_down_until_it_begins_anew() -> None:
    turns = [*session()[:5], *((seconds + 60, out, data) for seconds, out, data in session())]
    said = lines(capture(turns, start=START - 60 * 10**9))
    assert [line["drop"]["reason"] for line in said if "drop" in line] == ["35 s 无数据 / silent for 35 s"]
    changes = [
        line["entry"]["body"]["up"] for line in said if line.get("entry", {}).get("kind") == "device.changed"
    ]
    assert changes == [True, False, True]
    assert entries(said)["stay.closed"]["paid"] == 100
    assert "diverged" not in kinds(said)


def test_a_car_that_was_recorded_on_the_loop_drives_through() -> None:
    inputs = ((0.0, b"presence off"), (8.0, b"closed off"), (9.0, b"presence on"), (11.0, b"presence off"))
    said = lines(with_inputs(*inputs, (13.0, b"closed on")))
    assert orders(said) == ["Debit", "Release", "OpenBarrier", "Show", "CloseBarrier"]
    assert entries(said)["passage.ended"] == {"stay": "import-1", "outcome": "passed"}


@pytest.mark.parametrize("junk", [b"", b"presence", b"presence maybe", b"\xff\x00"])
def test_bytes_that_are_no_input_of_a_barrier(junk: bytes) -> None:
    with pytest.raises(CaptureError, match=r"gate1: .* is no input of a barrier"):
        lines(with_inputs((3.0, junk)))


# --- hostile captures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b"", "^抓包中没有数据 / the capture holds no packet$"),
        (b"pcap", "not a pcapng file"),
        (capture([]), "no packet"),
        (
            capture(session(), name="rsu9"),
            "^抓包接口 rsu9 不是.*rsu1；转换.*/ interfaces rsu9 are no .*there are .*rsu1",
        ),
        (
            capture(session(), start=8_000_000_000 * 10**9),
            "^抓包时间早于 1970 .* lies before 1970 or after 2200$",
        ),
    ],
)
def test_a_capture_that_cannot_be_replayed_says_why(bad: bytes, words: str) -> None:
    with pytest.raises(CaptureError, match=words):
        lines(bad)


def test_a_capture_of_another_dialect_is_refused() -> None:
    with pytest.raises(CaptureError) as caught:
        lines(capture(session(), description="soulin"))
    assert str(caught.value) == (
        "接口 rsu1 的抓包为 soulin，配置为 wanji；转换时用 --interface 指定读写器 / "
        "interface rsu1 was captured as soulin, the configuration says wanji; name the reader with --interface"
    )


@pytest.mark.parametrize("description", ["wanji", "", "lane 1, on the left"])
def test_what_else_an_interface_is_called_does_no_harm(description: str) -> None:
    assert entries(lines(capture(session(), description=description)))["stay.closed"]["paid"] == 100


def test_a_capture_that_was_cut_off_is_replayed_as_far_as_it_goes() -> None:
    for end in range(0, len(GOLDEN), 7):
        try:
            said = lines(GOLDEN[:end])
        except CaptureError:
            continue
        heard = len(read(GOLDEN[:end]).packets)
        assert ("debit.settled" in entries(said)) == (heard > B5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(GOLDEN) - 1), st.binary(min_size=1, max_size=8))
def test_a_damaged_capture_is_replayed_or_refused(at: int, junk: bytes) -> None:
    try:
        said = lines(GOLDEN[:at] + junk + GOLDEN[at + len(junk) :])
    except CaptureError:
        return
    assert said


FRAMES = st.sampled_from([turn[1:] for turn in session()])
BYTES = st.binary(max_size=60)
JUNK = st.tuples(st.booleans(), st.one_of(BYTES, BYTES.map(lambda data: f2_encode(0x10, data))))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-100, 1e6), st.one_of(FRAMES, FRAMES, JUNK)), max_size=25))
def test_frames_in_any_order_at_any_time_are_replayed(said: list[tuple[float, tuple[bool, bytes]]]) -> None:
    unheard_of = (False, f2_encode(0x10, b"\x99 no such message"))
    turns = [(0.0, *session()[0][1:]), (0.1, *unheard_of), *((seconds, *turn) for seconds, turn in said)]
    told = lines(capture(turns))
    at = [line["at"] for line in told]
    assert at == sorted(at)  # even where the recording clock was put back
    numbers = [line["entry"]["number"] for line in told if "entry" in line]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_plate_that_is_no_text_is_refused_and_still_printed(tmp_path: Path) -> None:
    turns = session()
    b4 = data_of(turns[B4][2])
    bad = b4.replace("测A12345".encode("gbk"), b"\xff\xff\xff\xff\xff\xff\xff\xff")
    assert bad != b4
    turns[B4] = (turns[B4][0], False, f2_encode(0x10, bad))
    path = tmp_path / "plate.pcapng"
    path.write_bytes(capture(turns))
    words = ["replay", str(path), "-c", str(HERE / "site.toml"), "--state", str(HERE / "inside.jsonl")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert entries(said)["passage.refused"]["why"] == "no plate"
    assert_not_booked(said)
