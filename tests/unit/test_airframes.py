import json
from typing import Any

from gateway.cli.airframes import decode
from protocols.dsrc.exchange import Exchange
from protocols.dsrc.link import BEIJING, NATIONAL

TAG = "0a11fe22"
MMI = bytes.fromhex(f"{TAG} 40 77 99 05 01 04 1a 00")
ASK = bytes.fromhex(f"{TAG} 40 77 91 05 01 03 18 01 01 05 805c000204")
TELL = bytes.fromhex(f"{TAG} e0 f7 00 91 18 01 19 01 01 06 000d8f8e9000 00")
INFO = "bdadcbd532010001 01 40 3201000000004242 20240101 20340101 01 ff"
VST = bytes.fromhex(f"{TAG} c0 03 91 d0 00 01 c1 01 00 27 {INFO} {TAG} 30 a0 02")
F = b"\x7e"


def one(data: bytes, exchange: Exchange | None = None) -> dict[str, Any]:
    [found] = decode(data, exchange)
    assert json.loads(json.dumps(found)) == found
    return found


def test_frame() -> None:
    assert one(MMI) == {
        "offset": 0,
        "family": "air",
        "dialect": "dsrc",
        "direction": "RSU->OBU",
        "title": "人机界面 / SetMMI.rq",
        "address": TAG,
        "control": 0x40,
        "llc": 0x77,
        "status": None,
        "fcs": "none",
        "flags": False,
        "pdus": [
            {
                "title": "人机界面 / SetMMI.rq",
                "fields": {
                    "fragment": 0x99,
                    "head": 5,
                    "did": 1,
                    "action": 4,
                    "credentials": None,
                    "tag": 0x1A,
                    "mmi": 0,
                },
            }
        ],
        "files": [],
    }


def test_fcs_right_in_either_variant_or_none() -> None:
    assert one(MMI + NATIONAL.of(MMI))["fcs"] == "ok"
    assert one(MMI + BEIJING.of(MMI))["fcs"] == "ok (Beijing)"
    assert one(F + MMI + NATIONAL.of(MMI) + F)["fcs"] == "ok"
    assert one(MMI)["fcs"] == "none"


def test_wrong_fcs_is_taken_for_absent_and_doubted() -> None:
    found = one(MMI + b"\x12\x34")
    assert (found["fcs"], found["remainder"]) == ("none", "1234")
    assert "may be an FCS that is wrong" in found["note"]
    flagged = one(F + MMI + F)
    assert (flagged["fcs"], flagged["flags"]) == ("none", True)
    assert "may be an FCS that is wrong" in flagged["note"]
    assert "remainder" not in flagged


def test_bytes_behind_the_pdus_are_shown() -> None:
    found = one(ASK + bytes.fromhex("05 00b201cc2b"))
    assert found["remainder"] == "0500b201cc2b"
    assert "kept" in found["note"]
    beyond = found["files"][1]
    assert (beyond["name"], beyond["note"]) == ("read-0019", "在所报数量之外 / beyond the stated count")


def test_tag_is_heard_with_its_status_and_its_file() -> None:
    found = one(VST)
    assert (found["direction"], found["title"]) == ("OBU->RSU", "车辆服务表 / VST")
    assert found["pdus"][0]["obu_status"] == ["无卡 / no card", "非接触卡 / contactless card"]
    [info] = found["files"]
    assert (info["place"], info["name"], info["rest"]) == ("system_info", "EF01", "ff")
    assert info["fields"]["contract"] == "3201000000004242"


def test_command_and_answer_of_one_conversation() -> None:
    exchange = Exchange()
    [asked] = one(ASK, exchange)["files"]
    assert asked == {
        "pdu": 0,
        "place": "apdus[0]",
        "name": "balance",
        "title": "读余额 0002 / read balance 0002",
        "header": "805c0002",
        "le": 4,
        "fields": "",
    }
    [told] = one(TELL, exchange)["files"]
    assert told == {
        "pdu": 0,
        "place": "apdus[0]",
        "name": "balance",
        "sw": "9000",
        "text": "成功 / done",
        "fields": {"balance": 888718},
    }


def test_channel_has_a_name_where_it_is_known() -> None:
    assert [one(raw)["pdus"][0]["channel"] for raw in (ASK, TELL)] == ["用户卡 / ICC"] * 2
    assert "channel" not in one(ASK.replace(b"\x18\x01", b"\x18\x05"))["pdus"][0]


def test_answer_without_its_request_stays_raw() -> None:
    [told] = one(TELL)["files"]
    assert told["raw"] == "000d8f8e9000"
    assert "its command was not seen" in told["note"]


def test_frames_of_a_stream_are_one_conversation() -> None:
    stream = b"".join(F + body + NATIONAL.of(body) + F for body in (ASK, TELL))
    asked, told = decode(stream)
    assert (asked["offset"], told["offset"]) == (0, len(ASK) + 4)
    assert told["files"][0]["fields"] == {"balance": 888718}


def test_one_flag_between_frames_and_idle_flags() -> None:
    asked, told = (body + NATIONAL.of(body) for body in (ASK, TELL))
    found = list(decode(F + asked + F + told + F + F + F + F + asked + F + F))
    assert [item["offset"] for item in found] == [0, len(asked) + 1, len(asked) + len(told) + 5]
    assert [item["fcs"] for item in found] == ["ok"] * 3


def test_flag_inside_a_frame_is_no_end() -> None:
    body = ASK[:-2] + b"\x7e\x04"
    found = one(F + body + NATIONAL.of(body) + F)
    assert found["pdus"][0]["fields"]["apdus"][0]["data"] == "805c007e04"


def test_unsound_bytes_behind_a_frame_are_their_own_error() -> None:
    frame = F + MMI + NATIONAL.of(MMI) + F
    sound, error = decode(frame + b"\x01\x02")
    assert sound["fcs"] == "ok"
    assert (error["offset"], error["raw"]) == (len(frame), "0102")
    assert "no air frame" in error["error"]


def test_unsound_pdu_says_where() -> None:
    found = one(bytes.fromhex(f"{TAG} 40 77 15 05"))
    assert "15 is no fragmentation header" in found["error"]
    assert "(at byte 6)" in found["error"]
    assert found["raw"] == f"{TAG}40771505"


def test_frame_without_pdu() -> None:
    found = one(bytes.fromhex(f"{TAG} a0"))
    assert (found["title"], found["pdus"], found["llc"]) == ("无数据单元 / no T-APDU", [], None)


def test_nothing_is_no_frame() -> None:
    assert list(decode(b"")) == []
    assert list(decode(F + F)) == []
