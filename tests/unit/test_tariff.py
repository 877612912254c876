import copy
import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo

import pytest

from gateway.tariff.engine import Line, Quote, QuoteError, quote
from gateway.tariff.rules import Ladder, PriceClass, Problem, Tariff, TariffError, parse

CHINA = timezone(timedelta(hours=8))
ENTRY = datetime(2024, 6, 5, 9, tzinfo=CHINA)
DAY = timedelta(days=1)

Document = dict[str, object]
Row = dict[str, object]


def small() -> Row:
    return {
        "name": "small",
        "default": True,
        "vehicle_classes": [1, 11],
        "first_minutes": 60,
        "first_fen": 500,
        "unit_minutes": 30,
        "unit_fen": 200,
        "cap_fen": 5000,
    }


def large() -> Row:
    return {
        "name": "large",
        "vehicle_classes": [2, 3],
        "first_minutes": 60,
        "first_fen": 1000,
        "unit_minutes": 60,
        "unit_fen": 500,
    }


def notice(*rows: object, **changes: object) -> Document:
    document: Document = {"id": "T00-test", "version": "1", "name": '试验 "车场"', "free_minutes": 15}
    return document | {"classes": list(rows)} | changes


def without(table: dict[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in table.items() if name != key}


def problems(document: Document) -> tuple[Problem, ...]:
    with pytest.raises(TariffError) as caught:
        parse(document)
    return caught.value.problems


def stay(length: timedelta, vehicle_class: int = 1) -> Quote:
    return quote(parse(notice(small(), large())), vehicle_class, ENTRY, ENTRY + length)


# --- reading ----------------------------------------------------------------------------------------------


def test_a_document_becomes_a_tariff() -> None:
    tariff = parse(notice(small(), large()))
    assert tariff == Tariff(
        id="T00-test",
        version="1",
        name='试验 "车场"',
        free_minutes=15,
        classes=(
            PriceClass("small", (1, 11), Ladder(60, 500, 30, 200, 5000), default=True),
            PriceClass("large", (2, 3), Ladder(60, 1000, 60, 500, None), default=False),
        ),
        content_hash=tariff.content_hash,
    )


def test_the_hash_is_that_of_the_canonical_json() -> None:
    row = without(small(), "cap_fen")
    canonical = (
        '{"classes":[{"default":true,"first_fen":500,"first_minutes":60,"name":"small","unit_fen":200,'
        '"unit_minutes":30,"vehicle_classes":[1,11]}],"free_minutes":15,"id":"T00-test",'
        '"name":"试验 \\"车场\\"","version":"1"}'
    )
    assert parse(notice(row)).content_hash == hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def test_the_hash_ignores_the_order_of_keys_and_nothing_else() -> None:
    document = notice(small())
    turned = dict(reversed(document.items())) | {"classes": [dict(reversed(small().items()))]}
    assert parse(turned).content_hash == parse(document).content_hash
    assert parse(notice(small(), version="2")).content_hash != parse(document).content_hash
    assert parse(notice(small() | {"cap_fen": 5001})).content_hash != parse(document).content_hash


def test_reading_leaves_the_document_as_it_was() -> None:
    document = notice(small(), large())
    before = copy.deepcopy(document)
    parse(document)
    assert document == before


@pytest.mark.parametrize("minutes", [1, 1440])
@pytest.mark.parametrize("fen", [0, 100_000_000])
def test_the_limits_themselves_are_allowed(minutes: int, fen: int) -> None:
    sizes = {"first_minutes": minutes, "unit_minutes": minutes, "first_fen": fen, "unit_fen": fen, "cap_fen": fen}
    parse(notice(small() | sizes, free_minutes=0))
    parse(notice(small() | {"vehicle_classes": [0, 255]}, free_minutes=525_600))


def test_only_the_default_class_may_list_no_vehicle_class() -> None:
    tariff = parse(notice(without(small(), "vehicle_classes"), large()))
    assert tariff.price_class(1).name == "small"
    (problem,) = problems(notice(small(), without(large(), "vehicle_classes")))
    assert problem.path == ("classes", 1, "vehicle_classes")
    assert "is missing" in problem.message
    assert problems(notice(small(), large() | {"vehicle_classes": []}))[0].path == problem.path


@pytest.mark.parametrize("key", ["id", "version", "name", "free_minutes", "classes"])
def test_a_missing_key_of_the_notice(key: str) -> None:
    (problem,) = problems(without(notice(small()), key))
    assert problem.path == (key,)
    assert problem.message.startswith("缺少此项，")
    assert " / is missing, must be " in problem.message


@pytest.mark.parametrize("key", ["name", "first_minutes", "first_fen", "unit_minutes", "unit_fen"])
def test_a_missing_key_of_a_class(key: str) -> None:
    (problem,) = problems(notice(small(), without(large(), key)))
    assert problem.path == ("classes", 1, key)
    assert "is missing" in problem.message


@pytest.mark.parametrize("value", [None, 1, True, "", "  ", "two\nlines", "x" * 81, ["a"]])
@pytest.mark.parametrize("key", ["id", "version", "name"])
def test_a_text_that_is_none(key: str, value: object) -> None:
    (problem,) = problems(notice(small(), **{key: value}))
    assert problem == Problem(
        (key,), "必须是一行文字，最多 80 字 / must be one line of text, at most 80 characters"
    )


@pytest.mark.parametrize("value", [True, 0, -1, 1441, 10**30, 60.0, "60", None, [60]])
@pytest.mark.parametrize("key", ["first_minutes", "unit_minutes"])
def test_a_length_that_is_none(key: str, value: object) -> None:
    (problem,) = problems(notice(small() | {key: value}))
    assert problem == Problem(
        ("classes", 0, key), "必须是 1 到 1440 的整数 / must be a whole number from 1 to 1440"
    )


@pytest.mark.parametrize("value", [False, -1, 100_000_001, 5.0, "5", None])
@pytest.mark.parametrize("key", ["first_fen", "unit_fen", "cap_fen"])
def test_a_price_that_is_none(key: str, value: object) -> None:
    (problem,) = problems(notice(small() | {key: value}))
    assert problem.path == ("classes", 0, key)
    assert "到 100000000 的整数 / must be a whole number from " in problem.message


@pytest.mark.parametrize("value", [True, -1, 525_601, 15.0, "15"])
def test_free_minutes_that_are_none(value: object) -> None:
    (problem,) = problems(notice(small(), free_minutes=value))
    assert problem == Problem(
        ("free_minutes",), "必须是 0 到 525600 的整数 / must be a whole number from 0 to 525600"
    )


def test_a_cap_below_the_first_price_is_yuan_for_fen() -> None:
    parse(notice(small() | {"cap_fen": 500}))
    (problem,) = problems(notice(small() | {"cap_fen": 50}))
    assert problem.path == ("classes", 0, "cap_fen")
    assert problem.message.endswith("must be a whole number from 500 to 100000000")


@pytest.mark.parametrize("value", [1, "1", [True], [256], [-1], [1.0], ["1"], {"1": 1}, None])
def test_vehicle_classes_that_are_none(value: object) -> None:
    (problem,) = problems(notice(small(), large() | {"vehicle_classes": value}))
    assert problem.path == ("classes", 1, "vehicle_classes")
    assert problem.message.endswith("must list at least 1 whole numbers, each from 0 to 255")


def test_unknown_keys_are_named_with_what_is_allowed() -> None:
    first, second = problems(notice(small() | {"cap_yuan": 50}, frei=1))
    assert first == Problem(
        ("frei",),
        "未知项，只允许 id, version, name, free_minutes, classes"
        " / unknown key, allowed are id, version, name, free_minutes, classes",
    )
    assert second.path == ("classes", 0, "cap_yuan")
    assert "vehicle_classes, first_minutes, first_fen, unit_minutes, unit_fen, cap_fen" in second.message


@pytest.mark.parametrize(
    ("second", "codes"), [([3, 11, 4], (11,)), ([1, 11], (1, 11)), ([4, 4], (4,)), ([2, 3], ())]
)
def test_a_vehicle_class_is_listed_once(second: list[int], codes: tuple[int, ...]) -> None:
    document = notice(small(), large() | {"vehicle_classes": second})
    found = problems(document) if codes else ()
    assert [problem.path for problem in found] == [("classes", 1, "vehicle_classes")] * len(codes)
    for problem, code in zip(found, codes, strict=True):
        assert problem.message == f"车型 {code} 已列过一次 / vehicle class {code} is already listed"


def test_two_classes_of_one_name() -> None:
    (problem,) = problems(notice(small(), large() | {"name": "small"}))
    assert problem == Problem(("classes", 1, "name"), "与前面的收费类别重名 / is the name of an earlier class")


def test_two_classes_without_name_do_not_share_one() -> None:
    found = problems(notice(without(small(), "name"), without(large(), "name")))
    assert [problem.path for problem in found] == [("classes", 0, "name"), ("classes", 1, "name")]


def test_exactly_one_default() -> None:
    (none,) = problems(notice(small() | {"default": False}, large()))
    assert none.path == ("classes",)
    (two,) = problems(notice(small(), large() | {"default": True}))
    assert two.path == ("classes", 1, "default")
    (wrong,) = problems(notice(small(), large() | {"default": 1}))
    assert wrong == Problem(("classes", 1, "default"), "必须是 true 或 false / must be true or false")


@pytest.mark.parametrize("value", [[], {}, "small", None, 3])
def test_no_class_at_all(value: object) -> None:
    (problem,) = problems(notice(small(), classes=value))
    assert problem.path == ("classes",)
    assert "must be one [[classes]] table or more" in problem.message


def test_a_hostile_document_gets_every_error_at_once() -> None:
    hostile = {
        "id": 7,
        "version": "\x1b[2J",
        "free_minutes": -1,
        "surprise": {},
        "classes": [
            small() | {"first_minutes": True, "unit_fen": 0.5, "default": "yes", "tax": 1},
            "small",
            large() | {"name": "small", "vehicle_classes": [11], "unit_minutes": 0},
            {},
            large() | {"vehicle_classes": None, "cap_fen": 999},
        ],
    }
    row = "classes"
    missing = ("name", "vehicle_classes", "first_minutes", "first_fen", "unit_minutes", "unit_fen")
    found = problems(hostile)
    assert {problem.path for problem in found} == {
        ("id",),
        ("version",),
        ("name",),
        ("free_minutes",),
        ("surprise",),
        (row,),
        *((row, 0, key) for key in ("first_minutes", "unit_fen", "default", "tax")),
        (row, 1),
        *((row, 2, key) for key in ("name", "vehicle_classes", "unit_minutes")),
        *((row, 3, key) for key in missing),
        *((row, 4, key) for key in ("vehicle_classes", "cap_fen")),
    }
    assert len(found) == 22
    for problem in found:
        chinese, _, english = problem.message.partition(" / ")
        assert not chinese.isascii()
        assert english.isascii()


def test_the_error_names_every_place() -> None:
    with pytest.raises(TariffError, match=r"^the tariff cannot be used: id: .*; classes\.0\.unit_fen: ") as caught:
        parse(notice(small() | {"unit_fen": "2"}, id=None))
    assert isinstance(caught.value, ValueError)


# --- pricing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "length", [timedelta(), timedelta(seconds=1), timedelta(minutes=15), timedelta(minutes=15, milliseconds=999)]
)
def test_the_free_minutes_are_inclusive(length: timedelta) -> None:
    assert stay(length).lines == (Line("free", 1, 0, 0, 1, 1),)
    assert stay(length).total == 0


def test_a_free_stay_may_last_days() -> None:
    tariff = parse(notice(small(), free_minutes=2880))
    assert quote(tariff, 1, ENTRY, ENTRY + 2 * DAY).lines == (Line("free", 1, 0, 0, 1, 2),)
    assert quote(tariff, 1, ENTRY, ENTRY + 2 * DAY + timedelta(seconds=1)).total == 5000 * 2 + 500


@pytest.mark.parametrize(
    ("length", "lines"),
    [
        (timedelta(minutes=15, seconds=1), [Line("first", 1, 500, 500, 1, 1)]),
        (timedelta(minutes=60, milliseconds=999), [Line("first", 1, 500, 500, 1, 1)]),
        (
            timedelta(minutes=60, seconds=1),
            [Line("first", 1, 500, 500, 1, 1), Line("unit", 1, 200, 200, 1, 1)],
        ),
        (timedelta(minutes=90), [Line("first", 1, 500, 500, 1, 1), Line("unit", 1, 200, 200, 1, 1)]),
        (
            timedelta(hours=12, seconds=1),
            [
                Line("first", 1, 500, 500, 1, 1),
                Line("unit", 23, 200, 4600, 1, 1),
                Line("cap", 1, -100, -100, 1, 1),
            ],
        ),
        (
            timedelta(days=3, minutes=1),
            [
                Line("first", 3, 500, 1500, 1, 3),
                Line("unit", 138, 200, 27600, 1, 3),
                Line("cap", 3, -4700, -14100, 1, 3),
                Line("first", 1, 500, 500, 4, 4),
            ],
        ),
    ],
)
def test_the_lines_of_a_quote(length: timedelta, lines: list[Line]) -> None:
    assert list(stay(length).lines) == lines
    assert stay(length).total == sum(line.fen for line in lines)


def test_a_cap_just_reached_takes_nothing_off() -> None:
    tariff = parse(notice(small() | {"cap_fen": 900}))
    assert [line.rule for line in quote(tariff, 1, ENTRY, ENTRY + timedelta(hours=2)).lines] == ["first", "unit"]


def test_a_class_without_cap_has_none() -> None:
    assert stay(DAY, vehicle_class=3).total == 1000 + 23 * 500


def test_a_unit_that_outlasts_its_period_is_charged_whole() -> None:
    tariff = parse(notice(small() | {"first_minutes": 1400, "unit_minutes": 60}))
    assert quote(tariff, 1, ENTRY, ENTRY + DAY).total == 700
    assert quote(tariff, 1, ENTRY, ENTRY + DAY + timedelta(seconds=1)).total == 700 + 500


@pytest.mark.parametrize(("vehicle_class", "name"), [(1, "small"), (11, "small"), (2, "large"), (99, "small")])
def test_a_vehicle_class_that_nobody_lists_gets_the_default(vehicle_class: int, name: str) -> None:
    for rows in ((small(), large()), (large(), small())):
        answer = quote(parse(notice(*rows)), vehicle_class, ENTRY, ENTRY + DAY)
        assert answer.price_class == name


def test_millennia_are_priced_in_a_few_lines() -> None:
    tariff = parse(notice(small() | {"first_minutes": 1, "unit_minutes": 1, "unit_fen": 1}))
    answer = quote(tariff, 1, datetime.min.replace(tzinfo=CHINA), datetime.max.replace(tzinfo=CHINA))
    assert answer.total == 3_652_059 * (500 + 1439)
    assert len(answer.lines) <= 6


def test_a_quote_says_under_what_it_was_made() -> None:
    tariff = parse(notice(small()))
    answer = quote(tariff, 1, ENTRY, ENTRY + DAY)
    assert (answer.tariff_id, answer.version, answer.content_hash) == ("T00-test", "1", tariff.content_hash)
    assert (answer.entry, answer.exit) == (ENTRY, ENTRY + DAY)


def test_a_quote_in_json() -> None:
    answer = stay(timedelta(hours=1, seconds=1))
    assert json.loads(json.dumps(answer.to_json())) == answer.to_json()
    assert answer.to_json() == {
        "tariff_id": "T00-test",
        "version": "1",
        "content_hash": answer.content_hash,
        "price_class": "small",
        "entry": "2024-06-05T09:00:00+08:00",
        "exit": "2024-06-05T10:00:01+08:00",
        "lines": [
            {"rule": "first", "units": 1, "unit_fen": 500, "fen": 500, "from_period": 1, "to_period": 1},
            {"rule": "unit", "units": 1, "unit_fen": 200, "fen": 200, "from_period": 1, "to_period": 1},
        ],
        "total": 700,
    }


def naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def as_it_is(moment: datetime) -> datetime:
    return moment


@pytest.mark.parametrize(("entry", "exit_"), [(naive, as_it_is), (as_it_is, naive), (naive, naive)])
def test_naive_times_are_refused(
    entry: Callable[[datetime], datetime], exit_: Callable[[datetime], datetime]
) -> None:
    with pytest.raises(QuoteError, match="both times need a UTC offset"):
        quote(parse(notice(small())), 1, entry(ENTRY), exit_(ENTRY + DAY))


def test_an_exit_before_the_entry_is_refused() -> None:
    with pytest.raises(QuoteError, match="the exit lies before the entry") as caught:
        quote(parse(notice(small())), 1, ENTRY, ENTRY - timedelta(microseconds=1))
    assert isinstance(caught.value, ValueError)


def test_offsets_count_and_clock_faces_do_not() -> None:
    exit_ = (ENTRY + timedelta(minutes=15)).astimezone(timezone(timedelta(hours=-5)))
    assert quote(parse(notice(small())), 1, ENTRY, exit_).total == 0


class SummerTimeEndsAtNoon(tzinfo):
    """+09:00 until noon of 15 September 1991, then +08:00 (as in China's last summer of daylight saving)."""

    def utcoffset(self, moment: datetime | None, /) -> timedelta:
        before = moment is not None and moment.replace(tzinfo=None) < datetime(1991, 9, 15, 12)  # noqa: DTZ001
        return timedelta(hours=9 if before else 8)

    def dst(self, moment: datetime | None, /) -> timedelta:
        return self.utcoffset(moment) - timedelta(hours=8)

    def tzname(self, moment: datetime | None, /) -> str:
        return f"{self.utcoffset(moment)}"


def test_the_hour_that_a_zone_repeats_is_charged() -> None:
    zone = SummerTimeEndsAtNoon()
    entry = datetime(1991, 9, 15, 11, 30, tzinfo=zone)
    exit_ = datetime(1991, 9, 15, 12, 30, tzinfo=zone)
    assert quote(parse(notice(small())), 1, entry, exit_).total == 500 + 2 * 200
