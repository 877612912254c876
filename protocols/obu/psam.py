"""A PSAM in software, for simulators, demo and tests: FOR TEST KEYS ONLY, real keys never leave a real PSAM.

Refusing it in production is the configuration's part. Bytes in, bytes out; randomness is given. Source: gbt20851
4.3 and 4.5 [2+]; what a real one answers when things go wrong is partly [inf] and marked so.
"""

from collections.abc import Callable
from dataclasses import field

from protocols.errors import MessageError
from protocols.immutable import dataclass
from protocols.obu import apdu
from protocols.obu.apdu import Command
from protocols.obu.keys import CIPHERS, KEY_SIZE, TDES, Cipher, Trade

MAIN, TOLL = "3f00", "df01"

# Which of these a real one gives when, is [inf] from ISO 7816 and from what the words say (4.4 [2+]).
_DONE = apdu.DONE.to_bytes(2, "big")
_WRONG_LENGTH = bytes.fromhex("6700")
_CONDITIONS = bytes.fromhex("6985")
_NO_FILE = bytes.fromhex("6a82")
_WRONG_P1_P2 = bytes.fromhex("6b00")
_UNKNOWN_INS = bytes.fromhex("6d00")
_UNKNOWN_CLA = bytes.fromhex("6e00")
_WRONG_MAC = bytes.fromhex("9302")
_COUNTER_FULL = bytes.fromhex("9402")
_NO_KEY = bytes.fromhex("9403")

_LAST_SERIAL = 0xFFFFFFFF
_AUTHORISATION_KEY = 0x41
"""P2 of 0082 [2+]."""
_INSTRUCTIONS = {bytes.fromhex(form.header[:4]) for form in (apdu.SELECT, apdu.CHALLENGE, *apdu.PSAM_FORMS)}
"""CLA and INS of what it knows."""


@dataclass(frozen=True, slots=True)
class PsamKeys:
    """Made-up master keys of 16 bytes, used with whichever cipher a command names. Raises ValueError otherwise."""

    vehicle: bytes = field(repr=False)
    purchase: bytes = field(repr=False)
    authorisation: bytes = field(repr=False)

    def __post_init__(self) -> None:
        for key in (self.vehicle, self.purchase, self.authorisation):
            if len(key) != KEY_SIZE:
                raise ValueError(f"a master key has {KEY_SIZE} bytes, not {len(key)}")


@dataclass(frozen=True, slots=True)
class _Purchase:
    """A purchase whose MAC2 is still to come."""

    cipher: Cipher
    session_key: bytes
    trade: Trade


@dataclass(slots=True)
class SoftwarePsam:
    """A PSAM with TEST KEYS ONLY.

    `terminal` 12 and `serial` 20 hex digits, `area` 16; `next_terminal_serial` is what the next MAC1 uses;
    `random(size)` gives that many bytes. `authorised` says whether it already is; else `authorisation` of its
    challenge makes it so. Raises MessageError for numbers of other lengths.
    """

    keys: PsamKeys
    terminal: str
    serial: str
    next_terminal_serial: int
    random: Callable[[int], bytes]
    area: str = "00" * 8
    key_card_type: int = 1
    version: int = 1
    authorised: bool = True
    _files: dict[int, bytes] = field(init=False, repr=False)
    _selected: str = field(default=MAIN, init=False)
    _challenge: bytes | None = field(default=None, init=False, repr=False)
    _vehicle: tuple[Cipher, bytes] | None = field(default=None, init=False, repr=False)
    _purchase: _Purchase | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._files = {
            0x95: apdu.PsamInfo(self.serial, self.key_card_type, self.version, "0000").encode(),
            0x96: apdu.TerminalNumber(self.terminal).encode(),
            0x97: bytes(9) + apdu.PsamArea(self.area).encode(),  # what stands before the area no source tells
        }

    def on(self, command: bytes) -> bytes:
        """The answer to a command, status word included. Never raises, whatever the bytes."""
        try:
            asked = apdu.decode_command(command)
        except MessageError:
            return _WRONG_LENGTH
        if asked.form.data and isinstance(asked.fields, bytes):
            return _WRONG_LENGTH
        return self._answer(asked)

    def _answer(self, asked: Command) -> bytes:
        match asked.fields:
            case apdu.Select(file=file):
                return self._select(file)
            case apdu.Authorise(mac=mac):
                return self._authorise(asked.header[3], mac)
            case apdu.Diversify() as whose:
                return self._diversify(asked.header[3], whose)
            case apdu.CountMac1() as trade:
                return self._count_mac1(trade)
            case apdu.CheckMac2(mac2=mac2):
                return self._check_mac2(mac2)
            case bytes() as data if asked.form is apdu.DECIPHER:
                return self._decipher(data)
        if asked.form is apdu.CHALLENGE:
            return self._give_challenge(asked)
        if asked.header[:2] == b"\x00\xb0":
            return self._read(asked)
        if asked.header[:2] in _INSTRUCTIONS:
            return _WRONG_P1_P2
        return _UNKNOWN_INS if asked.header[0] in (0x00, 0x80) else _UNKNOWN_CLA

    # --- files -----------------------------------------------------------------------------------------------

    def _select(self, file: str) -> bytes:
        """A real one gives file information before the status word; antennas do not look at it."""
        if file not in (MAIN, TOLL):
            return _NO_FILE
        self._selected = file
        self._vehicle = self._purchase = None
        return _DONE

    def _read(self, asked: Command) -> bytes:
        """By short identifier and offset, wherever one stands: sources read them in 3F00 and in DF01."""
        content = self._files.get(asked.header[2])
        offset = asked.header[3]
        if content is None:
            return _NO_FILE
        if asked.fields or not asked.le:
            return _WRONG_LENGTH
        if offset >= len(content):
            return _WRONG_P1_P2
        left = content[offset:]
        return left[: asked.le] + _DONE if asked.le <= len(left) else bytes((0x6C, len(left)))

    # --- activation ------------------------------------------------------------------------------------------

    def _give_challenge(self, asked: Command) -> bytes:
        if asked.fields or not asked.le:
            return _WRONG_LENGTH
        self._challenge = self.random(asked.le)
        return self._challenge + _DONE

    def _authorise(self, key: int, mac: bytes) -> bytes:
        """One try per challenge; a wrong one leaves everything as it was. The status words are [inf]."""
        challenge, self._challenge = self._challenge, None
        if key != _AUTHORISATION_KEY:
            return _NO_KEY
        if challenge is None or len(challenge) != TDES.block:
            return _CONDITIONS
        if mac != authorisation(self.keys, challenge):
            return _WRONG_MAC
        self.authorised = True
        return _DONE

    # --- vehicle file ----------------------------------------------------------------------------------------

    def _diversify(self, key: int, whose: apdu.Diversify) -> bytes:
        cipher = next((each for each in CIPHERS if each.psam_key == key), None)
        if not self._ready():
            return _CONDITIONS
        if cipher is None:
            return _NO_KEY
        contract = bytes.fromhex(whose.contract)
        self._vehicle = cipher, cipher.diversify(self.keys.vehicle, whose.issuer_factor, contract)
        return _DONE

    def _decipher(self, data: bytes) -> bytes:
        """All clear blocks, length byte and padding included; the antenna cuts the file out of them."""
        if self._vehicle is None:
            return _CONDITIONS
        cipher, key = self._vehicle
        if not data or len(data) % cipher.block:
            return _WRONG_LENGTH
        return cipher.decrypt(key, data) + _DONE

    # --- purchase --------------------------------------------------------------------------------------------

    def _count_mac1(self, asked: apdu.CountMac1) -> bytes:
        """Uses up a terminal serial, whether the card hears of it or not."""
        cipher = next((each for each in CIPHERS if each.code == asked.algorithm), None)
        if not self._ready():
            return _CONDITIONS
        if cipher is None:
            return _NO_KEY
        if self.next_terminal_serial > _LAST_SERIAL:
            return _COUNTER_FULL
        trade = Trade(
            card_random=asked.card_random,
            card_serial=asked.card_serial,
            terminal=self.terminal,
            terminal_serial=self.next_terminal_serial,
            amount=asked.amount,
            kind=asked.kind,
            at=asked.at,
        )
        card_key = cipher.diversify(self.keys.purchase, asked.issuer_factor, bytes.fromhex(asked.card_id))
        self._purchase = _Purchase(cipher, cipher.session_key(card_key, trade), trade)
        self.next_terminal_serial += 1
        mac1 = cipher.mac1(self._purchase.session_key, trade)
        return apdu.CountMac1Answer(trade.terminal_serial, mac1).encode() + _DONE

    def _check_mac2(self, mac2: bytes) -> bytes:
        """Ends the purchase when right; a wrong one may be followed by the right one [inf]."""
        if self._purchase is None:
            return _CONDITIONS
        if mac2 != self._purchase.cipher.mac2(self._purchase.session_key, self._purchase.trade):
            return _WRONG_MAC
        self._purchase = None
        return _DONE

    def _ready(self) -> bool:
        """Keys are used in DF01 [inf] and, where activation is asked for, only after it [2+]."""
        return self.authorised and self._selected == TOLL


def authorisation(keys: PsamKeys, challenge: bytes) -> bytes:
    """What a platform answers to a challenge of 8 bytes, so that `SoftwarePsam` is authorised.

    This rule (3DES of the random) is this PSAM's own: no source tells the real one.
    """
    return TDES.encrypt(keys.authorisation, challenge)
