"""The files inside tag and card, as antennas pass them on. Tables: rsu-protocol 8.1 to 8.3."""

from dataclasses import replace
from datetime import date

from protocols.codec import U8, U16, U24, U32, Choice, Gbk, Hex, Raw, Record, record, wire
from protocols.obu.values import Card, Vehicle

STATION_SIZE = 43
"""Bytes of the 0019 record. rsu-protocol 8.2 [cap, 2+]."""


@record
class File0015(Record):
    """Card issue data, the 43 bytes that every card has (8.1 [cap, 2+])."""

    issuer: str = wire(Hex(8), "issuer identifier; first 4 bytes GBK name")
    card_type: int = wire(U8, "16h stored-value, 17h credit")
    version: int = wire(U8, "10h old; from 40h on new key and plate-colour rule")
    net: str = wire(Hex(2), "province and net, BCD")
    card_id: str = wire(Hex(8), "BCD; net + card id = 20-digit card number")
    starts: str = wire(Hex(4), "YYYYMMDD BCD")
    expires: str = wire(Hex(4), "YYYYMMDD BCD")
    plate: str = wire(Gbk(12), "GBK")
    user_type: int = wire(U8, "0 normal")
    # Colour 1 + class 1 from version 40h on, else colour 2 in several programs; a capture speaks against it (8.1).
    color_class: str = wire(Hex(2), "plate colour and class; which, depends on the version")


@record
class PassengerFile(Record):
    """Vehicle file of a passenger car, 79 bytes (8.3 [cap, 2+])."""

    plate: str = wire(Gbk(12), "GBK")
    color: int = wire(U16, "plate colour")
    vehicle_class: int = wire(U8, "1-4")
    user_type: int = wire(U8, "")
    length: str = wire(Hex(2), "dm, BCD in the captured frame")
    width: str = wire(Hex(1), "dm, BCD")
    height: str = wire(Hex(1), "dm, BCD")
    wheels: int = wire(U8, "")
    axles: int = wire(U8, "")
    wheel_base: str = wire(Hex(2), "dm, BCD")
    seats: int = wire(U24, "seats or load")
    feature: bytes = wire(Raw(16), "text, not always text in captures")
    engine: bytes = wire(Raw(16), "engine number")
    reserved: bytes = wire(Raw(20), "")


@record
class GoodsFile(Record):
    """Vehicle file of a goods or special vehicle, 79 bytes (8.3 [2+])."""

    plate: str = wire(Gbk(12), "GBK")
    color: int = wire(U16, "plate colour")
    vehicle_class: int = wire(U8, "11-16, 21-26")
    user_type: int = wire(U8, "")
    length: int = wire(U16, "mm")
    width: int = wire(U16, "mm")
    height: int = wire(U16, "mm")
    approved_mass: int = wire(U24, "kg")
    curb_mass: int = wire(U24, "kg")
    total_mass: int = wire(U24, "kg")
    persons: int = wire(U8, "")
    vin: bytes = wire(Raw(17), "text")
    feature: bytes = wire(Raw(16), "text")
    reserved: bytes = wire(Raw(14), "")


VEHICLE_SIZE = 79


def vehicle_layout(vehicle_class: int) -> type[PassengerFile] | type[GoodsFile]:
    """Goods from class 11 on (8.3 [2+])."""
    return GoodsFile if vehicle_class >= 11 else PassengerFile


VehicleFile = Choice(VEHICLE_SIZE, lambda data: vehicle_layout(data[14]))
"""The wire type of a vehicle file; the class byte stands at 14 in both layouts."""


def vehicle_of(file: PassengerFile | GoodsFile) -> Vehicle:
    """What a vehicle file says."""
    return Vehicle(file.plate, file.color, file.vehicle_class, file.user_type)


def vehicle_file(vehicle: Vehicle) -> PassengerFile | GoodsFile:
    """The file that says so, zeros where nothing is known."""
    empty = vehicle_layout(vehicle.vehicle_class).decode(bytes(VEHICLE_SIZE))
    return replace(
        empty,
        plate=vehicle.plate,
        color=vehicle.color,
        vehicle_class=vehicle.vehicle_class,
        user_type=vehicle.user_type,
    )


@record
class Station2019(Record):
    """0019, layout since 2019 (8.2 [2+])."""

    tag: int = wire(U8, "AA")
    length: int = wire(U8, "29h")
    lock: int = wire(U8, "00")
    entry_net: str = wire(Hex(2), "")
    entry_station: str = wire(Hex(2), "")
    entry_lane: int = wire(U8, "")
    entry_time: int = wire(U32, "Unix seconds; UTC or local-as-UTC")
    vehicle_class: int = wire(U8, "")
    status: int = wire(U8, "01 MTC entry, 03 ETC entry, 04 ETC exit")
    gantry: str = wire(Hex(3), "last gantry")
    gantry_time: int = wire(U32, "Unix seconds")
    plate: str = wire(Gbk(12), "GBK")
    color: int = wire(U8, "")
    axles: int = wire(U8, "")
    weight: int = wire(U24, "kg")
    vehicle_status: int = wire(U8, "special-transport flag")
    amount: int = wire(U32, "fen, running total")


@record
class StationOld(Record):
    """0019, older layout (8.2 [cap, 2+])."""

    tag: int = wire(U8, "AA")
    length: int = wire(U8, "29h")
    lock: int = wire(U8, "00")
    entry_net: str = wire(Hex(2), "")
    entry_station: str = wire(Hex(2), "")
    entry_lane: int = wire(U8, "")
    entry_time: int = wire(U32, "")
    vehicle_class: int = wire(U8, "")
    status: int = wire(U8, "")
    flag_stations: str = wire(Hex(9), "")
    operator: str = wire(Hex(3), "")
    shift: int = wire(U8, "")
    plate: str = wire(Gbk(12), "GBK")
    reserved: str = wire(Hex(4), "")


def bcd_date(digits: str) -> date | None:
    """The day that 8 BCD digits name, None where no calendar has it."""
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def date_bcd(day: date | None) -> str:
    """The reverse; zeros for no date."""
    return day.isoformat().replace("-", "") if day else "0" * 8


def card_of(file: File0015, balance: int, station: bytes) -> Card:
    """What 0015, balance and 0019 say of a card."""
    return Card(
        number=file.net + file.card_id,
        issuer=file.issuer,
        kind=file.card_type,
        version=file.version,
        starts=bcd_date(file.starts),
        expires=bcd_date(file.expires),
        plate=file.plate,
        balance=balance,
        station=station,
    )


def file_of(card: Card, vehicle: Vehicle | None = None) -> File0015:
    """The 0015 that says so: the reverse of `card_of`, for whoever plays a card."""
    return File0015(
        issuer=card.issuer,
        card_type=card.kind,
        version=card.version,
        net=card.number[:4],
        card_id=card.number[4:],
        starts=date_bcd(card.starts),
        expires=date_bcd(card.expires),
        plate=card.plate,
        user_type=0,
        color_class=f"{vehicle.color:02x}{vehicle.vehicle_class:02x}" if vehicle else "0000",
    )
