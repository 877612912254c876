"""Who works with the keys: what a security module is asked, what it answers, and the three that there are.

A PSAM in the antenna, a platform's security machine, or test keys in software. Without I/O and without a clock.
Sources: rsu-protocol 9.1 [1: EBOX] for what is asked, gbt20851 4.3, 4.5 and 4.6 for how it is worked out.
"""

from dataclasses import field
from typing import Protocol

from protocols.errors import MessageError
from protocols.immutable import dataclass
from protocols.obu import apdu
from protocols.obu.files import VEHICLE_SIZE, SystemInfo26
from protocols.obu.keys import CIPHERS, SecureFile, issuer_factor
from protocols.obu.psam import TOLL, SoftwarePsam, authorisation

DONE = apdu.DONE.to_bytes(2, "big")
KEY_VERSION = 1
"""KeyVersion of 8070: the box does not tell it, and captured cards have 01 (rsu-protocol 7 [cap])."""


# --- questions -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuthoriseAsked:
    """The MAC that authorises a PSAM; the fields are those of `drivers.ports.PsamWanted`."""

    terminal: str
    number: str
    version: int
    key_type: int | None
    area: str
    random: str


@dataclass(frozen=True, slots=True)
class DecryptAsked:
    """A tag's vehicle file in clear. `card` is the first 28 bytes of 0015; `key_type` 0 is 3DES, 4 SM4."""

    obu_id: str
    system: SystemInfo26
    card: bytes
    key_type: int
    cipher: bytes


@dataclass(frozen=True, slots=True)
class Mac1Asked:
    """The terminal's proof of a purchase. `issuer` and `card_id` have 16 hex digits, `at` 14 BCD digits."""

    issuer: str
    card_id: str
    card_random: bytes
    card_serial: int
    fen: int
    at: str
    kind: int
    key_type: int
    terminal: str


Question = AuthoriseAsked | DecryptAsked | Mac1Asked

# --- answers -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Authorised:
    """The MAC for the PSAM, 16 hex digits."""

    mac: str


@dataclass(frozen=True, slots=True)
class Decrypted:
    """The vehicle file, 79 bytes; `listed` as in BlackList: 0 normal, 1 black. `terminal` is who makes MAC1."""

    vehicle: bytes
    listed: int
    terminal: str


@dataclass(frozen=True, slots=True)
class Mac1:
    """MAC1, 4 bytes, and the serial that the terminal has used up for it."""

    mac1: bytes
    terminal_serial: int


@dataclass(frozen=True, slots=True)
class Refused:
    """No answer will come, and why."""

    reason: str


Answer = Authorised | Decrypted | Mac1 | Refused


class SecurityModule(Protocol):
    """Answers questions that need keys."""

    def ask(self, question: Question) -> Answer | None:
        """The answer; None if it comes later, from a platform."""
        ...


# --- the three -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InRsu:
    """The antenna's own PSAM does everything, and nobody else has keys."""

    def ask(self, _question: Question) -> Refused:
        """No."""
        return Refused("天线自带密钥，此处无人应答 / the antenna has the keys, nobody answers here: set `security`")


@dataclass(frozen=True, slots=True)
class Remote:
    """A platform has the keys; it hears the question through the uplinks."""

    def ask(self, _question: Question) -> None:
        """Later."""
        return


@dataclass(frozen=True, slots=True)
class Software:
    """TEST KEYS ONLY, in a PSAM in software; the configuration refuses it in production."""

    psam: SoftwarePsam = field(repr=False)

    def __post_init__(self) -> None:
        self._tell(apdu.SELECT.command(apdu.Select(TOLL)))  # where its keys are

    def ask(self, question: Question) -> Answer:
        """At once; a refusal tells what the PSAM said."""
        try:
            match question:
                case AuthoriseAsked(random=random):
                    return Authorised(authorisation(self.psam.keys, bytes.fromhex(random)).hex())
                case DecryptAsked():
                    return self._decrypt(question)
                case Mac1Asked():
                    return self._mac1(question)
        except (MessageError, ValueError) as error:
            return Refused(str(error))

    def _decrypt(self, asked: DecryptAsked) -> Decrypted:
        """Whether tag or card are listed it does not know: the gateway has no status list yet."""
        cipher = next((each for each in CIPHERS if each.code == asked.key_type), None)
        if cipher is None:
            raise ValueError(f"no cipher has the key type {asked.key_type:02X}")
        whose = apdu.Diversify(asked.system.contract, issuer_factor(asked.system.issuer))
        self._tell(apdu.DIVERSIFY.command(whose, header=bytes((0x80, 0x1A, 0x59, cipher.psam_key))))
        file = SecureFile.decode(cipher, self._tell(apdu.DECIPHER.command(asked.cipher))).file
        if len(file) != VEHICLE_SIZE:
            raise ValueError(f"the vehicle file has {len(file)} bytes, not {VEHICLE_SIZE}")
        return Decrypted(file, 0, self.psam.terminal)

    def _mac1(self, asked: Mac1Asked) -> Mac1:
        if asked.terminal != self.psam.terminal:
            raise ValueError(f"the terminal here is {self.psam.terminal}, not {asked.terminal}")
        purchase = apdu.CountMac1(
            card_random=asked.card_random,
            card_serial=asked.card_serial,
            amount=asked.fen,
            kind=asked.kind,
            at=asked.at,
            key_version=KEY_VERSION,
            algorithm=asked.key_type,
            card_id=asked.card_id,
            issuer_factor=issuer_factor(asked.issuer),
        )
        made = apdu.CountMac1Answer.decode(self._tell(apdu.COUNT_MAC1.command(purchase)))
        return Mac1(made.mac1, made.terminal_serial)

    def _tell(self, command: apdu.Command) -> bytes:
        """What the PSAM answers. Raises ValueError with its status word if that is bad."""
        said = self.psam.on(command.encode())
        if said[-2:] != DONE:
            raise ValueError(f"{command.name}: {apdu.status_text(int.from_bytes(said[-2:], 'big'))}")
        return said[:-2]
