import json
from typing import Any

import pytest

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
        "fcs": "none or wrong",
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
    assert one(MMI)["fcs"] == "none or wrong"


def test_wrong_fcs_is_taken_for_absent_and_doubted() -> None:
    found = one(MMI + b"\x12\x34")
    assert (found["fcs"], found["remainder"]) == ("none or wrong", "1234")
    assert "may be an FCS that is wrong" in found["note"]
    flagged = one(F + MMI + F)
    assert (flagged["fcs"], flagged["flags"]) == ("none or wrong", True)
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


# --- what a wrong FCS, or one of an unknown variant, may do --------------------------------------------------


@pytest.mark.parametrize("flags", [b"", F])
def test_a_vst_with_bytes_behind_it_claims_nothing_of_the_tag(flags: bytes) -> None:
    [pdu] = one(flags + VST + b"\x12\x34" + flags)["pdus"]
    assert "obu_status" not in pdu
    assert pdu["note"] == "MAC 不一致，末尾可能是 FCS / MAC differs: an FCS may stand at the end"
    [pdu] = one(flags + VST + flags)["pdus"]
    assert "note" not in pdu


SECURE = bytes.fromhex(f"{TAG} 40 77 91 05 01 00 14 80 01 0000 3b 1122334455667788 00 00")
SECURED = bytes.fromhex(f"{TAG} e0 f7 00 91 18 01 15 01 {'aa' * 72} {'00' * 8} 00")


def test_a_cipher_of_no_whole_blocks_is_doubted() -> None:
    [pdu] = one(SECURED + b"\x12\x34")["pdus"]
    assert "cipher of no whole blocks" in pdu["note"]
    [pdu] = one(SECURED)["pdus"]
    assert "note" not in pdu


def test_a_known_request_says_where_the_answer_ends() -> None:
    exchange = Exchange()
    one(SECURE, exchange)
    found = one(SECURED + b"\x12\x34", exchange)
    [pdu] = found["pdus"]
    assert (pdu["fields"]["cipher"], pdu["fields"]["status"], found["remainder"]) == ("aa" * 72, 0, "1234")
    assert "note" not in pdu
    assert "may be an FCS that is wrong" in found["note"]


def test_system_information_is_shown_alike_as_field_and_as_file() -> None:
    bst = bytes.fromhex("ffffffff 50 03 91 c0 46 012002 6745c100 00 01 41 87 29 20 1d 002b 00")
    info, card = f"{INFO[:-5]} 28 0000", "17" * 43  # alone, the VST looks as if its information ended before the 28
    vst = bytes.fromhex(f"{TAG} c0 03 91 d0 00 01 c1 01 20 27 {info} 28 {card} {TAG} 30 a0 02")
    exchange = Exchange()
    one(bst, exchange)
    found = one(vst, exchange)
    assert found["pdus"][0]["fields"]["system_info"] == bytes.fromhex(info).hex()
    assert found["pdus"][0]["fields"]["icc"] == card
    assert found["files"][0]["rest"] == "0000"


# --- frames behind what is none ------------------------------------------------------------------------------

GOOD = F + ASK + NATIONAL.of(ASK) + F
BAD = F + MMI + b"\x12\x34" + F


def test_a_wrong_fcs_hides_no_later_frame() -> None:
    found = list(decode(GOOD + BAD + GOOD + GOOD))
    assert [item["fcs"] for item in found] == ["ok", "none or wrong", "ok", "ok"]
    assert [item["offset"] for item in found] == [
        *(0, len(GOOD), len(GOOD + BAD), len(GOOD + BAD + GOOD)),
    ]
    assert (found[1]["title"], found[1]["remainder"]) == ("人机界面 / SetMMI.rq", "1234")


def test_a_wrong_fcs_hides_no_later_frame_where_one_flag_closes_and_opens() -> None:
    found = list(decode(GOOD[:-1] + BAD[:-1] + GOOD))
    assert [(item["fcs"], item["flags"]) for item in found] == [
        ("ok", True),
        ("none or wrong", True),
        ("ok", True),
    ]
    assert found[1]["remainder"] == "1234"


@pytest.mark.parametrize("noise", ["0011", "0000000000", "aabbccdd0405", "7e0000", "7e017e027e03"])
def test_noise_before_a_flag_is_an_error_of_its_own(noise: str) -> None:
    error, good = decode(bytes.fromhex(noise) + GOOD)
    assert "no air frame" in error["error"]
    assert (error["offset"], good["offset"], good["fcs"]) == (0, len(noise) // 2, "ok")


def test_without_a_right_fcs_no_flag_inside_is_taken_for_a_frame() -> None:
    inside = F + bytes.fromhex(f"{TAG} 40 77 99 05 01 04 1a 00 1234") + F
    found = one(bytes.fromhex(f"{TAG} 40 77 91 05 01 03 18 01 01 {len(inside):02x}") + inside)
    assert found["pdus"][0]["fields"]["apdus"][0]["data"] == inside.hex()


def test_many_frames_and_many_flags_are_cut_in_time() -> None:
    assert len(list(decode(GOOD * 5000))) == 5000
    assert len(list(decode(F * 500_000 + GOOD))) == 1
    hostile = (F * 5 + bytes.fromhex("4003")) * 200
    assert len(list(decode(hostile))) == 1


def test_zeros_have_no_fcs() -> None:
    assert one(bytes(7) + b"\xff\xff")["fcs"] == "none or wrong"
    assert one(F + bytes(7) + b"\xff\xff" + F)["fcs"] == "none or wrong"


def test_what_is_perhaps_no_frame_is_doubted() -> None:
    assert "may be a flag" in one(F + MMI)["note"]
    assert "low 4 bits" in one(F + MMI)["note"]  # the address's last byte as control
    assert "low 4 bits" in one(bytes.fromhex(f"{TAG} 05 aa"))["note"]
    assert "low 4 bits" not in one(bytes.fromhex(f"{TAG} 08 05"))["note"]  # the allocation of Wuhan
    own = b"\x7e" + MMI[1:]
    assert "note" not in one(own + NATIONAL.of(own))
    assert "may be a flag" not in one(F + own + F)["note"]
