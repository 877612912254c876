from contextlib import suppress
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import CaptureError
from protocols.pcapng import Capture, Interface, Packet, Writer, read

# A zero byte ends a string in pcapng, and surrogates are no UTF-8.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
INTERFACES = st.lists(st.builds(Interface, TEXT, TEXT), min_size=1, max_size=4, unique_by=lambda i: i.name)


@st.composite
def sections(draw: st.DrawFn) -> tuple[list[Interface], list[Packet]]:
    interfaces = draw(INTERFACES)
    names = st.sampled_from([interface.name for interface in interfaces])
    times = st.integers(0, 2**64 - 1)
    packets = st.lists(st.builds(Packet, names, times, st.booleans(), st.binary(max_size=40)), max_size=6)
    return interfaces, draw(packets)


def blocks(recorded: list[tuple[list[Interface], list[Packet]]]) -> list[bytes]:
    writer = Writer()
    made: list[bytes] = []
    for interfaces, packets in recorded:
        made.append(writer.header())
        made.extend(writer.interface(interface) for interface in interfaces)
        made.extend(writer.packet(packet) for packet in packets)
    return made


CAPTURES = st.lists(sections(), min_size=1, max_size=3)


@given(CAPTURES)
def test_what_is_written_is_read(recorded: list[tuple[list[Interface], list[Packet]]]) -> None:
    interfaces = dict.fromkeys(interface for declared, _ in recorded for interface in declared)
    packets = tuple(packet for _, passed in recorded for packet in passed)
    made = blocks(recorded)
    assert all(len(block) % 4 == 0 for block in made)
    assert read(b"".join(made)) == Capture(tuple(interfaces), packets, None)


@given(CAPTURES, st.data())
def test_any_beginning_of_a_capture_gives_the_packets_of_its_whole_blocks(
    recorded: list[tuple[list[Interface], list[Packet]]], data: st.DataObject
) -> None:
    made = blocks(recorded)
    whole = b"".join(made)
    cut = data.draw(st.integers(0, len(whole)))
    ends = [0, *accumulate(len(block) for block in made)]
    kept = max(end for end in ends if end <= cut)
    capture = read(whole[:cut])
    before = read(whole[:kept])
    assert (capture.interfaces, capture.packets) == (before.interfaces, before.packets)
    assert capture.truncated_at == (None if kept == cut else kept)
    packets = [packet for _, passed in recorded for packet in passed]
    assert list(capture.packets) == packets[: len(capture.packets)]


def survives(data: bytes) -> None:
    with suppress(CaptureError):
        capture = read(data)
        assert sum(len(packet.data) for packet in capture.packets) <= len(data)
        assert capture.truncated_at is None or 0 <= capture.truncated_at < len(data)


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_capture_error(data: bytes) -> None:
    survives(data)
    survives(Writer().header() + data)


@given(CAPTURES, st.data())
def test_mutated_captures_raise_nothing_but_capture_error(
    recorded: list[tuple[list[Interface], list[Packet]]], data: st.DataObject
) -> None:
    mutated = bytearray(b"".join(blocks(recorded)))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(mutated)))
        end = data.draw(st.integers(start, min(start + 8, len(mutated))))
        mutated[start:end] = data.draw(
            st.binary(min_size=end - start, max_size=end - start) | st.binary(max_size=8)
        )
    survives(bytes(mutated))
