"""Packs the captured Wanji session as pcapng: `python tests/golden/wanji-session/build.py` writes session.pcapng.

The frames of the antenna and of the PC are those of ../rsu-frames.tsv, the times are set by hand. One PC
row is changed: C6 carries the 0019 record as B4 showed it, since this gateway writes it back unchanged; the row as
it stands there, with zeros, makes `session-zeroed-0019.pcapng`, which must be reported as diverged.
"""

import csv
from datetime import datetime
from pathlib import Path

from protocols.pcapng import Interface, Packet, Writer
from protocols.rsu.framing import f2_encode

HERE = Path(__file__).parent
B4_STATION = slice(8 + 140, 8 + 183)  # 0019 in the frame of B4
C6_STATION = slice(8 + 24, 8 + 67)

# Seconds after 2021-01-04 17:13:00 China time, who speaks, and the row: type and a word of its notes.
TURNS = (
    (50.000, True, "C0 (gantry/parking)", ""),
    (50.020, False, "B0", "captured Wanji"),
    (50.022, True, "C4", "captured/constant"),
    (50.100, False, "B1", "captured heartbeat"),
    (50.102, True, "CF", "heartbeat acknowledgement"),
    (56.000, False, "B2", "captured; OBUID 652bc7a3"),
    (56.002, True, "C1", "answer to the captured B2"),
    (56.150, False, "B4 (masked)", ""),
    (56.155, True, "C6 (V3.1, 67)", ""),
    (56.500, False, "B5", "captured; LEN 36"),
    (56.502, True, "C1", "answer to the captured B2"),
)


def rows() -> list[dict[str, str]]:
    with (HERE.parent / "rsu-frames.tsv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if row["family"] == "F2"]


def frame(kind: str, note: str) -> bytes:
    (row,) = (row for row in rows() if row["type"] == kind and note in row["notes"])
    return bytes.fromhex(row["hex"])


def with_station(c6: bytes, b4: bytes) -> bytes:
    data = bytearray(c6)
    data[C6_STATION] = b4[B4_STATION]
    return f2_encode(c6[3], bytes(data[8:-2]))


def session(*, zeroed: bool) -> bytes:
    start = int(datetime.fromisoformat("2021-01-04T17:13:00+08:00").timestamp()) * 1_000_000_000
    writer = Writer()
    out = writer.header() + writer.interface(Interface("rsu1", "Wanji parking RSU, captured by CRAZY-W"))
    for seconds, outbound, kind, note in TURNS:
        data = frame(kind, note)
        if kind.startswith("C6") and not zeroed:
            data = with_station(data, frame("B4 (masked)", ""))
        out += writer.packet(Packet("rsu1", start + round(seconds * 1000) * 1_000_000, outbound, data))
    return out


if __name__ == "__main__":
    (HERE / "session.pcapng").write_bytes(session(zeroed=False))
    (HERE / "session-zeroed-0019.pcapng").write_bytes(session(zeroed=True))
