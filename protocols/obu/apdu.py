"""Commands to card, tag and PSAM, and their answers (ISO 7816), as TransferChannel and PSAM links carry them.

    command = decode_command(data)
    answer = decode_answer(command, data)

Every command form is a line of a table: header, what its data are, what its answer may be. An answer alone does not
say what it is, so decoding one needs its command. Source: gbt20851 4.1, 4.3 and 4.4.
"""

import re
from collections.abc import Sequence

from protocols.codec import U8, U16, U24, U32, Hex, Raw, Record, record, wire
from protocols.errors import MessageError
from protocols.immutable import dataclass
from protocols.obu.files import (
    FeesEf04,
    File0002,
    File0008,
    File0009,
    File0012,
    File0015,
    File0015Long,
    File0018,
    File0019,
    ProvincesEf04,
)

# --- data and answers ----------------------------------------------------------------------------------------


@record
class Select(Record):
    """Select a file by its identifier [2+]."""

    file: str = wire(Hex(2), "3F00 main, DF01 toll, EF04 fees, 1001 toll on the card [inf]")


@record
class InitPurchase(Record):
    """8050 [2+]."""

    key_index: int = wire(U8, "01 3DES, 41 SM4")
    amount: int = wire(U32, "fen")
    terminal: str = wire(Hex(6), "")


@record
class InitPurchaseAnswer(Record):
    """What the card says to 8050 [2+]."""

    balance: int = wire(U32, "fen, before the purchase")
    card_serial: int = wire(U16, "offline sequence")
    overdraft: int = wire(U24, "fen")
    key_version: int = wire(U8, "")
    algorithm: int = wire(U8, "00 3DES; 04 is how antennas report SM4")
    random: bytes = wire(Raw(4), "")


@record
class Debit(Record):
    """8054: purse and cached 0019 commit together [2+]."""

    terminal_serial: int = wire(U32, "")
    at: str = wire(Hex(7), "YYYYMMDDhhmmss BCD; enters MAC1 and TAC")
    mac1: bytes = wire(Raw(4), "")


@record
class DebitAnswer(Record):
    """What the card says to 8054 [2+]."""

    tac: str = wire(Hex(4), "")
    mac2: bytes = wire(Raw(4), "")


@record
class FetchTac(Record):
    """805A: the proof of a purchase whose answer got lost [2+]."""

    card_serial: int = wire(U16, "one source asks with the sequence of 8050, plus one [1]")


@record
class FetchTacAnswer(Record):
    """What the card says to 805A; the other order than 8054 [1]."""

    mac2: bytes = wire(Raw(4), "")
    tac: str = wire(Hex(4), "")


@record
class ChipSerial(Record):
    """What a tag says to 80F6 [1]."""

    serial: str = wire(Hex(4), "")


@record
class Random(Record):
    """What 0084 asks for [inf, ISO 7816]."""

    random: bytes = wire(Raw(8), "")


@record
class TerminalNumber(Record):
    """PSAM file 0016 [2+]."""

    terminal: str = wire(Hex(6), "")


@record
class PsamInfo(Record):
    """PSAM file 0015 [2+]."""

    serial: str = wire(Hex(10), "")
    key_card_type: int = wire(U8, "")
    version: int = wire(U8, "low nibble from 5 on: needs online activation [1]")
    reserved: str = wire(Hex(2), "no source tells")


@record
class PsamArea(Record):
    """PSAM file 0017 from byte 9 on [2+]."""

    area: str = wire(Hex(8), "area code")


@record
class Authorise(Record):
    """0082: the platform's answer to the PSAM's random [2+]."""

    mac: bytes = wire(Raw(8), "")


@record
class Diversify(Record):
    """801A: whose vehicle file comes next; P2 names the cipher, 03 3DES, 43 SM4 [2+]."""

    contract: str = wire(Hex(8), "contract serial of the tag")
    issuer_factor: bytes = wire(Raw(8), "first 4 bytes of its issuer, twice")


@record
class CountMac1(Record):
    """8070: a purchase for which MAC1 is wanted [2+]."""

    card_random: bytes = wire(Raw(4), "from the answer to 8050")
    card_serial: int = wire(U16, "from the answer to 8050")
    amount: int = wire(U32, "fen")
    kind: int = wire(U8, "transaction type: 09 composite, 06 simple")
    at: str = wire(Hex(7), "YYYYMMDDhhmmss BCD")
    key_version: int = wire(U8, "from the answer to 8050")
    algorithm: int = wire(U8, "from the answer to 8050")
    card_id: str = wire(Hex(8), "card number without its net")
    issuer_factor: bytes = wire(Raw(8), "first 4 bytes of the card's issuer, twice")


@record
class CountMac1Answer(Record):
    """What the PSAM says to 8070 [2+]."""

    terminal_serial: int = wire(U32, "")
    mac1: bytes = wire(Raw(4), "")


@record
class CheckMac2(Record):
    """8072: the card's MAC2 [2+]."""

    mac2: bytes = wire(Raw(4), "")


# --- forms ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of command. `header` is CLA INS P1 P2 in hex, a dot for a digit that differs, perhaps with Lc or Le.

    `data` and `answers` are the tables of what follows the header and of what comes back; none = bytes as they are.
    """

    name: str
    title: str
    header: str
    data: type[Record] | None = None
    answers: tuple[type[Record], ...] = ()

    def command(self, data: Record | bytes = b"", *, header: bytes = b"", le: int | None = None) -> "Command":
        """A command of this form; `header` its 4 bytes, needed where the form leaves any open.

        Raises MessageError if header or data are not this form's, or do not fit a command.
        """
        payload = data if isinstance(data, bytes) else data.encode()
        command = decode_command(_bytes(header or self._fixed_header(), payload, le))
        if command.form is not self or (self.data is not None and not isinstance(command.fields, self.data)):
            raise MessageError(f"{command.encode().hex()} is no {self.name}")
        return command

    def _fixed_header(self) -> bytes:
        if "." in self.header:
            raise MessageError(f"{self.name} needs its header, {self.header}")
        return bytes.fromhex(self.header)[:4]


SELECT = Form("select", "选择文件 / select file", "00a40000", Select)

BALANCE = Form("balance", "读余额 0002 / read balance 0002", "805c0002", answers=(File0002,))
READ_0008 = Form("read-0008", "读标识站文件 0008 / read route marking 0008", "00b08800", answers=(File0008,))
READ_0009 = Form("read-0009", "读文件 0009 / read file 0009", "00b08900", answers=(File0009,))
READ_0012 = Form("read-0012", "读过站文件 0012 / read passage file 0012", "00b09200", answers=(File0012,))
READ_0018 = Form("read-0018", "读交易记录 0018 / read transaction log 0018", "00b2..c4", answers=(File0018,))
READ_0019_FIRST = Form(
    "read-0019", "读复合消费记录 0019 / read composite record 0019", "00b201cc", answers=(File0019,)
)
READ_0019 = Form("read-0019-by-tag", "按标识读 0019 / read 0019 by tag", "00b2aac8", answers=(File0019,))
INIT_PURCHASE = Form(
    "init-purchase", "消费初始化 8050 / initialise purchase 8050", "8050..02", InitPurchase, (InitPurchaseAnswer,)
)
UPDATE_CACHE = Form("update-0019", "更新复合消费缓存 80DC / cache new 0019", "80dcaac8", File0019)
DEBIT = Form("debit", "扣款 8054 / debit 8054", "80540100", Debit, (DebitAnswer,))
FETCH_TAC = Form("fetch-tac", "取交易认证码 805A / fetch TAC 805A", "805a00..", FetchTac, (FetchTacAnswer,))

# EF04 of the tag, once selected: the first byte without bit 80 is the offset's upper half.
READ_FEES = Form("read-ef04", "读计费信息 EF04 / read fees EF04", "00b0013a5b", answers=(FeesEf04,))
READ_PROVINCES = Form(
    "read-ef04-provinces", "读分省计费 EF04 / read fees by province EF04", "00b0019550", answers=(ProvincesEf04,)
)
CHIP_SERIAL = Form("chip-serial", "读芯片序列号 / read chip serial", "80f60003", answers=(ChipSerial,))

# Files of card and PSAM share their short numbers; the length asked for tells them apart.
READ_PSAM_INFO = Form("psam-info", "读 PSAM 公共信息 / read PSAM info", "00b095000e", answers=(PsamInfo,))
READ_TERMINAL = Form(
    "psam-terminal", "读终端机编号 / read terminal number", "00b0960006", answers=(TerminalNumber,)
)
READ_PSAM_AREA = Form("psam-area", "读 PSAM 地区代码 / read PSAM area code", "00b0970908", answers=(PsamArea,))
READ_0015 = Form(
    "read-0015", "读卡发行文件 0015 / read issue data 0015", "00b09500", answers=(File0015, File0015Long)
)
CHALLENGE = Form("challenge", "取随机数 0084 / get challenge 0084", "00840000", answers=(Random,))
AUTHORISE = Form("authorise", "PSAM 在线授权 0082 / authorise PSAM 0082", "008200..", Authorise)
DIVERSIFY = Form("diversify", "密钥分散 801A / diversify key 801A", "801a59..", Diversify)
DECIPHER = Form("decipher", "解密车辆信息 80FA / decipher vehicle file 80FA", "80fa8000")
COUNT_MAC1 = Form("mac1", "计算 MAC1 8070 / compute MAC1 8070", "80700000", CountMac1, (CountMac1Answer,))
CHECK_MAC2 = Form("mac2", "校验 MAC2 8072 / check MAC2 8072", "80720000", CheckMac2)

READ_BINARY = Form("read-binary", "读二进制文件 / read binary", "00b0....")
READ_RECORD = Form("read-record", "读记录文件 / read record", "00b2....")
UNKNOWN = Form("unknown", "未知命令 / unknown command", "........")

FORMS = (
    *(SELECT, BALANCE, READ_0008, READ_0009, READ_0012, READ_0018, READ_0019_FIRST, READ_0019),
    *(INIT_PURCHASE, UPDATE_CACHE, DEBIT, FETCH_TAC, READ_FEES, READ_PROVINCES, CHIP_SERIAL),
    *(READ_PSAM_INFO, READ_TERMINAL, READ_PSAM_AREA, READ_0015, CHALLENGE, AUTHORISE, DIVERSIFY, DECIPHER),
    *(COUNT_MAC1, CHECK_MAC2, READ_BINARY, READ_RECORD, UNKNOWN),
)
"""All of them; the first that matches a command is its form."""
PSAM_FORMS = (
    *(READ_PSAM_INFO, READ_TERMINAL, READ_PSAM_AREA, AUTHORISE, DIVERSIFY, DECIPHER),
    *(COUNT_MAC1, CHECK_MAC2),
)
"""What only a PSAM is asked."""
CARD_FORMS = tuple(form for form in FORMS if form not in PSAM_FORMS)
"""What a card is asked: there 00B096 reads the holder's file, not a terminal number."""


# --- commands and answers ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its form, the 4 bytes CLA INS P1 P2, its data as a table (or bytes, if none fits), and Le."""

    form: Form
    header: bytes
    fields: Record | bytes
    le: int | None

    @property
    def name(self) -> str:
        """Short name, for programs."""
        return self.form.name

    @property
    def title(self) -> str:
        """What it is called, Chinese and English."""
        return self.form.title

    def encode(self) -> bytes:
        """Its bytes. Raises MessageError if data are longer than a command holds."""
        return _bytes(self.header, self.fields if isinstance(self.fields, bytes) else self.fields.encode(), self.le)


def _bytes(header: bytes, data: bytes, le: int | None) -> bytes:
    if len(header) != 4 or len(data) > 0xFF or not 0 <= (le or 0) <= 0xFF:
        raise MessageError(
            f"a command has 4 bytes of header, at most 255 of data and Le, not {len(header)}, {len(data)} and {le}"
        )
    return header + (bytes((len(data),)) + data if data else b"") + (b"" if le is None else bytes((le,)))


def decode_command(data: bytes, forms: Sequence[Form] = FORMS) -> Command:
    """What a command is, by the first of `forms` that matches; UNKNOWN, their last, keeps its data as bytes.

    Raises MessageError for bytes that are no command: no whole header, or a length byte that lies.
    """
    if len(data) < 4:
        raise MessageError(f"a command has at least 4 bytes, not {len(data)}", len(data))
    header, body = data[:4], data[4:]
    payload = body[1 : 1 + body[0]] if len(body) > 1 else b""
    rest = body[1 + len(payload) :] if payload else body
    if len(rest) > 1 or (payload and len(payload) != body[0]):
        raise MessageError(f"length byte is {body[0]}, {len(body) - 1} bytes follow it", 4)
    text = data[:5].hex()
    form = next(form for form in forms if re.match(form.header, text))
    fields = _fields(payload, (form.data,) if form.data else ())
    return Command(form, header, fields, rest[0] if rest else None)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its data as a table (or bytes, if its command has none that fits) and the status word."""

    fields: Record | bytes
    sw: int

    @property
    def text(self) -> str:
        """What the status word says, Chinese and English."""
        return status_text(self.sw)

    def encode(self) -> bytes:
        """Its bytes."""
        data = self.fields if isinstance(self.fields, bytes) else self.fields.encode()
        return data + self.sw.to_bytes(2, "big")


DONE = 0x9000
"""The status word of a command carried out."""


def decode_answer(command: Command, data: bytes) -> Answer:
    """What the answer to this command is. Raises MessageError if not even a status word is there."""
    if len(data) < 2:
        raise MessageError(f"an answer ends with a status word of 2 bytes, {len(data)} are there", len(data))
    return Answer(_fields(data[:-2], command.form.answers), int.from_bytes(data[-2:], "big"))


def _fields(data: bytes, tables: tuple[type[Record], ...]) -> Record | bytes:
    """By the first table of that size, or of no fixed size; no data stay no data, whatever was asked for."""
    for table in tables:
        if data and table.size() in (None, len(data)):
            return table.decode(data)
    return data


STATUS_WORDS = {
    "9000": "成功 / done",
    "61..": "有数据待取 / more data to fetch",
    "6c..": "长度 Le 不对 / wrong Le, the right one follows",
    "63c.": "校验失败，剩余次数见末位 / verification failed, last digit: tries left",
    "6700": "长度错误 / wrong length",
    "6981": "命令与文件结构不符 / command does not suit the file",
    "6982": "安全条件不满足（PIN） / security not satisfied (PIN)",
    "6985": "使用条件不满足 / conditions of use not satisfied",
    "6a82": "文件未找到 / file not found",
    "6a83": "记录未找到 / record not found",
    "6b00": "参数 P1 P2 错误 / wrong P1 P2",
    "6d00": "命令 INS 不支持 / unknown INS",
    "6e00": "类别 CLA 不支持 / unknown CLA",
    "9301": "余额不足 / insufficient balance",
    "9401": "余额不足 / insufficient balance",
    "9302": "MAC 错误 / wrong MAC",
    "9303": "应用永久锁定 / application locked for good",
    "9402": "交易计数器已满 / counter at its maximum",
    "9403": "密钥索引不支持 / key index not supported",
    "9406": "MAC 或 TAC 不可用 / MAC or TAC not available",
}
"""Status words worth telling apart, a dot for any digit (gbt20851 4.4 [2+])."""


def status_text(sw: int) -> str:
    """What a status word says, Chinese and English."""
    known = (text for pattern, text in STATUS_WORDS.items() if re.match(pattern, f"{sw:04x}"))
    return next(known, "未知状态字 / unknown status word")
