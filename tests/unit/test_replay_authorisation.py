"""A recorded start of an antenna whose PSAM a platform authorised, replayed without that platform."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import config, replay
from protocols.pcapng import Interface, Packet, Writer
from protocols.rsu.dialect import load
from protocols.rsu.messages import (
    Antenna,
    Init,
    PsamAnswered,
    PsamAsks,
    PsamAuthorise,
    PsamInit,
    Status,
    Word,
    bcd_time,
)

WANJI = load("wanji")
TERMINAL, MAC, RANDOM = "990100000001", "0123456789abcdef", "1122334455667788"
AT = bcd_time("20260301083000")
assert AT
UNAUTHORISED = Status(0, (TERMINAL,), authorised=False, maker=0, version="2001", slots=(1,))
RECORDED: list[tuple[bool, Word]] = [
    (True, Init(AT, entry=True, tx_power=10, channel=1)),
    (False, UNAUTHORISED),
    (True, PsamInit(1)),
    (False, PsamAsks(0, 1, TERMINAL, "0" * 20, 1, 0, "0" * 16, RANDOM)),
    (True, PsamAuthorise(1, MAC)),
    (False, PsamAnswered(0, "9000")),
    (True, Antenna(on=True)),
]


@pytest.fixture
def site(make_site: Callable[[Path, list[dict[str, str]]], Path], tmp_path: Path) -> config.Config:
    ports = {"antenna": "tcp://127.0.0.1:1", "barrier": "tcp://127.0.0.1:2"}
    file = make_site(tmp_path, [{"name": "in1", "role": "entry", "dialect": "wanji", **ports}])
    text = file.read_text().replace('dialect = "wanji"', 'dialect = "wanji"\nsecurity = "remote"')
    file.write_text(text + '\n[[uplink]]\nname = "city"\nhost = "localhost"\n')
    return config.load(file)


def capture(recorded: list[tuple[bool, Word]]) -> bytes:
    writer = Writer()
    head = writer.header() + writer.interface(Interface("in1-rsu", "wanji"))
    packets = []
    for number, (outbound, word) in enumerate(recorded):
        frame = WANJI.framing.encode(0x10 if outbound else 1, WANJI.encode(word))
        packets.append(writer.packet(Packet("in1-rsu", 1_772_325_000 * 10**9 + number * 10**7, outbound, frame)))
    return head + b"".join(packets)


def test_the_platforms_order_is_what_the_antenna_was_told(site: config.Config) -> None:
    lines = list(replay.replay(capture(RECORDED), site, []))
    assert not [line for line in lines if "diverged" in line or "skipped" in line]
    ended = [line["event"] for line in lines if isinstance(line.get("event"), dict) and "good" in line["event"]]
    assert len(ended) == 1
    assert ended[0]["good"] is True


def test_an_answer_without_the_order_before_it_means_nothing(site: config.Config) -> None:
    recorded = [(outbound, word) for outbound, word in RECORDED if not isinstance(word, PsamAuthorise | Antenna)]
    lines = list(replay.replay(capture(recorded), site, []))
    assert not [line for line in lines if isinstance(line.get("event"), dict) and "good" in line["event"]]
