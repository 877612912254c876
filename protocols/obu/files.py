"""The files inside tag and card, as antennas pass them on. Tables: rsu-protocol 8.1 to 8.3."""

from datetime import date

from protocols.codec import U8, U16, U24, U32, Choice, Gbk, Hex, Raw, Record, Rest, record, wire
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
class VehicleFile59(Record):
    """Vehicle file in its older length: the passenger layout without the reserved bytes (gbt20851 3.3 [2+])."""

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


@record
class PassengerFile(VehicleFile59):
    """Vehicle file of a passenger car, 79 bytes (8.3 [cap, 2+])."""

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


VehicleFile = Choice(VEHICLE_SIZE, at=14, layouts=((0, PassengerFile), (11, GoodsFile)))
"""The wire type of a vehicle file; the class byte stands at 14 in both layouts: goods from 11 on (8.3 [2+])."""


def vehicle_of(file: PassengerFile | GoodsFile) -> Vehicle:
    """What a vehicle file says."""
    return Vehicle(file.plate, file.color, file.vehicle_class, file.user_type)


def vehicle_file(vehicle: Vehicle) -> PassengerFile | GoodsFile:
    """The file that says so, zeros where nothing is known."""
    layout = GoodsFile if VehicleFile.choose(vehicle.vehicle_class) is GoodsFile else PassengerFile
    return layout.fill(
        {
            "plate": vehicle.plate,
            "color": vehicle.color,
            "vehicle_class": vehicle.vehicle_class,
            "user_type": vehicle.user_type,
        }
    )


@record
class Station(Record):
    """What all layouts of 0019 begin with (8.2 [2+]); which one follows, version and content of the card tell."""

    tag: int = wire(U8, "AA")
    length: int = wire(U8, "29h")
    lock: int = wire(U8, "00")
    entry_net: str = wire(Hex(2), "")
    entry_station: str = wire(Hex(2), "")
    entry_lane: int = wire(U8, "")
    entry_time: int = wire(U32, "Unix seconds; UTC, local-as-UTC, or from 2000 in old provinces")
    vehicle_class: int = wire(U8, "")
    status: int = wire(U8, "01 MTC entry, 03 ETC entry, 04 ETC exit")


@record
class Station2019(Station):
    """0019, layout since 2019 (8.2 [2+])."""

    gantry: str = wire(Hex(3), "last gantry")
    gantry_time: int = wire(U32, "Unix seconds")
    plate: str = wire(Gbk(12), "GBK")
    color: int = wire(U8, "")
    axles: int = wire(U8, "")
    weight: int = wire(U24, "kg")
    vehicle_status: int = wire(U8, "special-transport flag")
    amount: int = wire(U32, "fen, running total")


@record
class StationOld(Station):
    """0019, older layout (8.2 [cap, 2+])."""

    flag_stations: str = wire(Hex(9), "")
    operator: str = wire(Hex(3), "")
    shift: int = wire(U8, "")
    plate: str = wire(Gbk(12), "GBK")
    reserved: str = wire(Hex(4), "")


@record
class File0019(Station):
    """0019 where nobody has told which layout it has (gbt20851 4.2 [2+])."""

    rest: bytes = wire(Raw(29), "see Station2019 and StationOld")


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


@record
class SystemInfo26(Record):
    """System information of the tag, MF/EF01, as most antennas read it (gbt20851 3.3 [2+], rsu-protocol 8.3)."""

    issuer: str = wire(Hex(8), "ContractProvider: 4 bytes GBK province, 2 bytes organisation, 0001")
    contract_type: int = wire(U8, "")
    contract_version: int = wire(U8, "high nibble 5 SM4 [2+]; 1 old national key, 4 new [1]")
    contract: str = wire(Hex(8), "contract serial; second diversification factor of the tag's keys")
    issued: str = wire(Hex(4), "YYYYMMDD BCD")
    expires: str = wire(Hex(4), "YYYYMMDD BCD")


@record
class SystemInfo27(SystemInfo26):
    """The same with the byte that tells of a removed tag (gbt20851 3.3 [2+])."""

    tamper: int = wire(U8, "tamper state; the second byte of OBUStatus repeats it")


@record
class File0002(Record):
    """The purse (gbt20851 4.1 [2+])."""

    balance: int = wire(U32, "fen, unsigned; of a credit card a mere counter")


@record
class File0008(Record):
    """Route marking of old cards, as far as known (gbt20851 4.1 [1])."""

    marks: bytes = wire(Rest(), "a counter, then entries of 2 bytes; the counter's size is not stated")


@record
class File0009(Record):
    """A file of 103 bytes whose content no source tells (gbt20851 4.1 [1])."""

    content: bytes = wire(Raw(103), "")


@record
class File0012(Record):
    """The older passage file (gbt20851 4.1 [2+])."""

    entry_net: str = wire(Hex(2), "")
    entry_station: str = wire(Hex(2), "")
    entry_lane: int = wire(U8, "")
    entry_time: int = wire(U32, "Unix seconds; some old provinces count from 2000")
    vehicle_class: int = wire(U8, "")
    status: int = wire(U8, "")
    flag_stations: str = wire(Hex(9), "")
    operator: str = wire(Hex(3), "")
    shift: int = wire(U8, "")
    plate: str = wire(Gbk(12), "GBK")
    other: str = wire(Hex(4), "")


@record
class File0015Long(File0015):
    """Card issue data as newer cards return it: 43 bytes and 7 more (gbt20851 4.1 [2+]).

    Old cards return 43 bytes whose last two, `color_class`, are no colour but the file's control information
    (FCI) [2+]; from version 40h on they are colour 1 and class 1 (rsu-protocol 8.1).
    """

    tail: bytes = wire(Raw(7), "zeros in captures")


@record
class File0018(Record):
    """One record of the card's transaction log; most cards want the PIN first (gbt20851 4.1 [2+])."""

    card_serial: int = wire(U16, "")
    overdraft: int = wire(U24, "fen")
    amount: int = wire(U32, "fen")
    kind: int = wire(U8, "transaction type: 09 composite, 06 simple purchase")
    terminal: str = wire(Hex(6), "")
    date: str = wire(Hex(4), "YYYYMMDD BCD")
    time: str = wire(Hex(3), "hhmmss BCD")


@record
class FeesEf04(Record):
    """The 91 bytes of EF04 at offset 314 (13Ah): fees of a journey so far; parking lanes leave them alone.

    Order of all fields and sizes of the middle ones: gbt20851 3.3 [2+]. That the copy of 0019 has 43 bytes and
    the provincial sum 3 follows from the length alone [inf].
    """

    station: bytes = wire(Raw(43), "copy of 0019; size [inf]")
    card: bytes = wire(Raw(20), "first 20 bytes of 0015")
    user_type: int = wire(U8, "")
    provinces: int = wire(U8, "provinces passed")
    due: int = wire(U24, "total due, fen")
    paid: int = wire(U24, "total paid, fen")
    successes: int = wire(U16, "successful transactions")
    mileage: int = wire(U24, "unit not stated")
    without_card: int = wire(U8, "transactions without card")
    provincial_entry: str = wire(Hex(3), "entry code of the province")
    provincial_sum: str = wire(Hex(3), "sums of the province; size and parts [inf]")
    digest: bytes = wire(Raw(8), "")


@record
class ProvincesEf04(Record):
    """The 80 bytes of EF04 at offset 405 (195h): amounts by province, inner layout unknown (gbt20851 3.3 [1])."""

    amounts: bytes = wire(Raw(80), "")
