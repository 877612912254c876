"""What a byte can do wrong: the one exception tree of this floor."""


class ProtocolError(Exception):
    """Bytes (or values to be bytes) that a protocol does not allow.

    `offset` is where, in bytes from the start of what was given; `reason` says what and what is allowed.
    """

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(f"{reason} (at byte {offset})")
        self.reason = reason
        self.offset = offset


class FrameError(ProtocolError):
    """Bytes that no framing rule can turn into a frame: escape, length, checksum."""


class MessageError(ProtocolError):
    """A sound frame whose content no message table describes, or a value that its table cannot hold."""


class CaptureError(ProtocolError):
    """A capture file that cannot be read; technicians meet its text."""

    def __str__(self) -> str:
        place = f" (第 {self.offset} 字节 / at byte {self.offset})" if self.offset else ""
        return f"{self.reason}{place}"
