"""Keys, MACs and TACs between tag, card and PSAM, and the seal of the vehicle file: arithmetic on bytes, no more.

3DES and SM4 (since 2019) go through the same steps, and most of what differs follows from the block size, so a
cipher is a declaration. Source: gbt20851 3.2, 4.3 and 4.5 [2+, calc], where nothing else is said.
"""

from collections.abc import Callable
from functools import reduce
from typing import Self

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from protocols.codec import U8, U16, U32, Hex, Raw, Record, record, wire
from protocols.crc import crc_reflected
from protocols.errors import MessageError
from protocols.immutable import dataclass

KEY_SIZE = 16
"""Bytes of every key but a 3DES session key."""
_ALONE = ECB()  # noqa: S305  diversification and the tag's cipher are what the standard made them


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What card and PSAM both know of one purchase; every MAC is over some of it.

    `amount` in fen; `card_random` 4 bytes; `terminal` 12 hex digits; `at` 14 BCD digits, the very ones of 8054;
    `kind` the transaction type: 09 composite, 06 simple purchase.
    """

    card_random: bytes
    card_serial: int
    terminal: str
    terminal_serial: int
    amount: int
    kind: int
    at: str


@record
class SessionInput(Record):
    """What the session key is made of."""

    card_random: bytes = wire(Raw(4), "from the answer to 8050")
    card_serial: int = wire(U16, "offline sequence, from the answer to 8050")
    terminal_serial: int = wire(U16, "low 2 bytes of the terminal's serial")


@record
class Mac1Input(Record):
    """What MAC1 proves to the card."""

    amount: int = wire(U32, "fen")
    kind: int = wire(U8, "transaction type")
    terminal: str = wire(Hex(6), "")
    at: str = wire(Hex(7), "YYYYMMDDhhmmss BCD")


@record
class Mac2Input(Record):
    """What MAC2 proves to the PSAM."""

    amount: int = wire(U32, "fen")


@record
class TacInput(Record):
    """What the TAC proves to the card's issuer."""

    amount: int = wire(U32, "fen")
    kind: int = wire(U8, "transaction type")
    terminal: str = wire(Hex(6), "")
    terminal_serial: int = wire(U32, "")
    at: str = wire(Hex(7), "YYYYMMDDhhmmss BCD, the same as in 8054")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cipher:
    """A block cipher and the numbers by which commands name it. All methods take and give bytes.

    `block` in bytes; `key_index` stands in 8050, `psam_key` in P2 of 801A, `code` is the algorithm byte of 8070.
    A key of a wrong size raises ValueError.
    """

    name: str
    block: int
    algorithm: Callable[[bytes], ciphers.BlockCipherAlgorithm]
    key_index: int
    psam_key: int
    code: int

    def encrypt(self, key: bytes, data: bytes) -> bytes:
        """Whole blocks, each for itself (ECB). Raises MessageError for a part of a block."""
        return self._run(ciphers.Cipher(self.algorithm(key), _ALONE).encryptor(), data)

    def decrypt(self, key: bytes, data: bytes) -> bytes:
        """The reverse of `encrypt`."""
        return self._run(ciphers.Cipher(self.algorithm(key), _ALONE).decryptor(), data)

    def _run(self, way: ciphers.CipherContext, data: bytes) -> bytes:
        if len(data) % self.block:
            raise MessageError(f"{self.name} works on blocks of {self.block} bytes, not on {len(data)}", len(data))
        return way.update(data) + way.finalize()

    def diversify(self, master: bytes, *factors: bytes) -> bytes:
        """The key of one tag or card: one level per factor of 8 bytes, issuer's first (see `issuer_factor`).

        3DES: E(f) and E(not f) side by side; SM4: both in one block. Raises ValueError for other factor sizes.
        """
        for factor in factors:
            if len(factor) != 8:
                raise ValueError(f"a diversification factor has 8 bytes, not {len(factor)}")
        return reduce(lambda key, factor: self.encrypt(key, factor + _inverse(factor)), factors, master)

    def session_key(self, key: bytes, trade: Trade) -> bytes:
        """The key of one purchase, one block long, from the card's diversified purchase key."""
        low = trade.terminal_serial & 0xFFFF
        start = SessionInput(trade.card_random, trade.card_serial, low).encode()
        return self.encrypt(key, (start + _inverse(start))[: self.block])

    def mac(self, key: bytes, message: bytes) -> bytes:
        """First 4 bytes of the CBC-MAC: zero start, 80 00.. always added, key of one block (so single DES).

        That SM4 does it alike has one source [1].
        """
        padded = _padded(message + b"\x80", self.block)
        chain = ciphers.Cipher(self.algorithm(key), CBC(bytes(self.block))).encryptor()
        return chain.update(padded)[-self.block :][:4]

    def mac1(self, session_key: bytes, trade: Trade) -> bytes:
        """The terminal's proof, sent in 8054."""
        return self.mac(session_key, Mac1Input(trade.amount, trade.kind, trade.terminal, trade.at).encode())

    def mac2(self, session_key: bytes, trade: Trade) -> bytes:
        """The card's proof, in its answer to 8054."""
        return self.mac(session_key, Mac2Input(trade.amount).encode())

    def tac(self, key: bytes, trade: Trade) -> bytes:
        """The card's proof to its issuer, 4 bytes, from the diversified TAC key.

        The input is confirmed by clearing code; that the key is folded to one block is [inf], from PBOC: 3DES takes
        both halves XORed for single DES, SM4's 16 bytes stay as they are.
        """
        folded = reduce(_xor, (key[at : at + self.block] for at in range(0, len(key), self.block)))
        table = TacInput(trade.amount, trade.kind, trade.terminal, trade.terminal_serial, trade.at)
        return self.mac(folded, table.encode())


def _triple_des(key: bytes) -> TripleDES:
    """Two keys of 8 bytes; a single one is single DES, as session keys are."""
    if len(key) not in (8, KEY_SIZE):
        raise ValueError(f"a 3DES key has 8 or {KEY_SIZE} bytes, not {len(key)}")
    return TripleDES((key * 3)[:24])


# Algorithm byte 04 is what antennas report for SM4 [2+]; no captured card tells its own (gbt20851 4.3).
TDES = Cipher(name="3DES", block=8, algorithm=_triple_des, key_index=0x01, psam_key=0x03, code=0x00)
SM4 = Cipher(name="SM4", block=16, algorithm=algorithms.SM4, key_index=0x41, psam_key=0x43, code=0x04)
CIPHERS = (TDES, SM4)


def issuer_factor(issuer: str) -> bytes:
    """First diversification factor of tag and card: the first 4 bytes of the issuer identifier, twice."""
    return bytes.fromhex(issuer[:8]) * 2


# --- the vehicle file, sealed for GetSecure ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SecureFile:
    """What a GetSecure answer holds in clear: `len | authenticator | file | 80 00..`.

    `len` counts authenticator and file. The authenticator is one block long: 8 bytes in 3DES [2+]; in SM4 16, since
    the file is known to start at 17 [1].
    """

    authenticator: bytes
    file: bytes

    def encode(self, cipher: Cipher) -> bytes:
        """The clear blocks. Raises MessageError if the authenticator has not this cipher's size."""
        if len(self.authenticator) != cipher.block:
            raise MessageError(
                f"{cipher.name} has {cipher.block} bytes of authenticator, not {len(self.authenticator)}"
            )
        length = cipher.block + len(self.file)
        if length > 0xFF:
            raise MessageError(f"a sealed file has at most {0xFF - cipher.block} bytes, not {len(self.file)}")
        clear = bytes((length,)) + self.authenticator + self.file
        # Blocks that are full get no 80: 79 bytes make 88 (3DES) and 96 (SM4).
        return clear if len(clear) % cipher.block == 0 else _padded(clear + b"\x80", cipher.block)

    @classmethod
    def decode(cls, cipher: Cipher, clear: bytes) -> Self:
        """The reverse. Raises MessageError where the length byte does not fit: mostly a wrong key.

        What pads the last block is not looked at, the authenticator tells more.
        """
        length = clear[0] if clear else 0
        if length < cipher.block or not 0 <= len(clear) - 1 - length < cipher.block:
            raise MessageError(f"length byte {length} does not fit {len(clear)} clear bytes of {cipher.name}")
        return cls(clear[1 : 1 + cipher.block], clear[1 + cipher.block : 1 + length])


def seal(cipher: Cipher, key: bytes, secured: SecureFile) -> bytes:
    """The cipher text that a tag sends. That SM4 encrypts block by block, as 3DES does, is [inf]."""
    return cipher.encrypt(key, secured.encode(cipher))


def unseal(cipher: Cipher, key: bytes, data: bytes) -> SecureFile:
    """What a tag sent, in clear. Raises MessageError where key or length are wrong."""
    return SecureFile.decode(cipher, cipher.decrypt(key, data))


def authenticator(key: bytes, file: bytes, random: bytes) -> bytes:
    """The 3DES authenticator of a file: 8 bytes, over its CRC and the last 6 bytes of RndRSU [1, calc].

    The CRC is CRC-16/MCRF4XX, X-25 without its last complement, low byte first.
    """
    crc = crc_reflected(file).to_bytes(2, "little")
    return TDES.encrypt(key, crc + random[-6:])


def is_authentic(cipher: Cipher, key: bytes, secured: SecureFile, random: bytes) -> bool | None:
    """Whether the file comes from the holder of the key, for this RndRSU. None in SM4: its formula is unknown."""
    return secured.authenticator == authenticator(key, secured.file, random) if cipher is TDES else None


def _padded(data: bytes, block: int) -> bytes:
    return data + bytes(-len(data) % block)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _inverse(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)
