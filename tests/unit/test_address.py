"""Where a device is, as a technician writes it."""

import pytest
from pydantic import TypeAdapter, ValidationError

from drivers.address import Address, serial_of, tcp_of

ADDRESS = TypeAdapter(Address)


@pytest.mark.parametrize(
    ("text", "serial", "tcp"),
    [
        ("serial:///dev/ttyS0", ("/dev/ttyS0", None), None),
        ("serial:///dev/ttyS0?baud=115200", ("/dev/ttyS0", 115_200), None),
        (
            "serial:///dev/serial/by-id/usb-1a86_USB:Serial-if00",
            ("/dev/serial/by-id/usb-1a86_USB:Serial-if00", None),
            None,
        ),
        ("tcp://192.168.1.20:9527", None, ("192.168.1.20", 9527)),
        ("tcp://antenna-1.east_gate.local:1", None, ("antenna-1.east_gate.local", 1)),
        (f"tcp://{'a' * 63}:65535", None, ("a" * 63, 65_535)),
    ],
)
def test_an_address_names_a_serial_line_or_a_tcp_port(
    text: str, serial: tuple[str, int | None] | None, tcp: tuple[str, int] | None
) -> None:
    assert ADDRESS.validate_python(text) == text
    assert serial_of(text) == serial
    assert tcp_of(text) == tcp


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/dev/ttyS0",
        "serial://ttyS0",
        "serial:///dev/tty S0",
        "serial:///dev/tty\0S0",
        "serial:///dev/ttyS0?baud=",
        "serial:///dev/ttyS0?baud=96",
        "serial:///dev/ttyS0?baud=009600",
        "serial:///dev/ttyS0?baud=９６００",
        "serial:///dev/ttyS0?parity=even",
        "192.168.1.20:9527",
        "tcp://192.168.1.20",
        "tcp://192.168.1.20:0",
        "tcp://192.168.1.20:65536",
        "tcp://192.168.1.20:9527/",
        "tcp://:9527",
        "tcp://user@host:9527",
        "tcp://host?x:9527",
        "tcp://[::1]:9527",
        "tcp://host..local:9527",
        "tcp://.:9527",
        f"tcp://{'a' * 64}:9527",
        "http://192.168.1.20:80",
        "tcp://192.168.1.20:9527\n",
    ],
)
def test_anything_else_is_refused_in_both_languages(text: str) -> None:
    with pytest.raises(ValidationError, match=r"须为 .* / neither serial:///path nor tcp://host:port"):
        ADDRESS.validate_python(text)
    assert serial_of(text) is None
    assert tcp_of(text) is None or not 1 <= tcp_of(text)[1] <= 65_535
