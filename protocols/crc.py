"""The reflected CRC-16 (generator 1021h, bits LSB first) that antennas, air frames and tags share, at C speed."""

from binascii import crc_hqx

_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def crc_reflected(data: bytes, preset: int = 0xFFFF) -> int:
    """CRC-16/MCRF4XX, or with another preset; not complemented. `crc_hqx` on bytes with their bits reversed."""
    crc = crc_hqx(data.translate(_REVERSED), preset)
    return _REVERSED[crc & 0xFF] << 8 | _REVERSED[crc >> 8]


def crc_x25(data: bytes) -> int:
    """CRC-16/X-25: the same, complemented (rsu-protocol 1.2 [cap])."""
    return crc_reflected(data) ^ 0xFFFF
