"""What holds of every tariff and every stay, and the oracle that counts each stay tick by tick."""

import json
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.notice.mistakes import TariffError
from gateway.notice.tariff import parse
from gateway.tariff.doubts import doubts
from gateway.tariff.engine import quote
from gateway.tariff.quote import Context, Parked, Quote, QuoteError
from gateway.tariff.rules import Tariff
from tools.tariff_cases import Case, cases
from tools.tariff_oracle import CHINA, Version, answer

Document = dict[str, Any]

MINUTE = timedelta(minutes=1)

any_case = st.integers(0, 2**64).map(lambda seed: next(cases(seed, 1)))
seconds_in_a_minute = st.integers(0, 59)
parts_of_a_second = st.integers(0, 999_999)


def priced(case: Case) -> Quote:
    return quote(case.tariff, case.question.parked, case.context())


def before_discounts(answered: Quote) -> int:
    return sum(line.fen for line in answered.lines) - sum(cut.fen for cut in answered.caps)


def agree(seed: int, count: int) -> None:
    for case in cases(seed, count):
        got, want = priced(case), answer(case.question)
        taken = tuple((one.name, one.fen) for one in got.discounts)
        told = (got.price_class, before_discounts(got), taken, got.total, got.free)
        assert told == (want.row, want.before, want.taken, want.total, want.free), f"{case}\n{got}"


@pytest.mark.parametrize("seed", range(12))
def test_the_engine_and_the_slow_oracle_agree(seed: int) -> None:
    agree(seed, 100)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(1000, 1020))
def test_the_engine_and_the_slow_oracle_agree_on_a_hundred_thousand_stays(seed: int) -> None:
    agree(seed, 5000)


@given(any_case)
def test_a_quote_adds_up_and_is_never_negative(case: Case) -> None:
    answered = priced(case)
    assert answered.total == before_discounts(answered) - sum(one.fen for one in answered.discounts)
    assert min(answered.total, before_discounts(answered), answered.due) >= 0
    assert all(line.fen == line.units * line.unit_fen and line.units > 0 for line in answered.lines)
    assert all(cut.fen > 0 for cut in answered.caps)
    assert all(one.fen > 0 for one in answered.discounts)
    assert not answered.free or before_discounts(answered) == 0


def rewritten(case: Case, change: Callable[[Document], None]) -> Case:
    """The case with another document, and no version before it."""
    document: Document = deepcopy(dict(case.question.version.document))
    document.pop("replaces", None)
    change(document)
    question = replace(case.question, version=Version(document))
    return replace(case, question=question, tariff=parse(document))


def by_cycle(answered: Quote, row_names: set[str]) -> dict[tuple[int, str], int]:
    """What each cycle costs by its lines in each period, before any cut; without what is not of one cycle."""
    found: dict[tuple[int, str], int] = defaultdict(int)
    for line in answered.lines:
        if line.rule not in row_names:
            cycles = range(line.from_cycle, line.to_cycle + 1)
            for cycle in cycles:
                found[cycle, line.period] += line.fen // len(cycles)
    return found


def cuts_by_cycle(answered: Quote) -> dict[tuple[int, str], int]:
    found: dict[tuple[int, str], int] = defaultdict(int)
    for cut in answered.caps:
        cycles = range(cut.from_cycle, cut.to_cycle + 1)
        for cycle in cycles:
            found[cycle, cut.period] += cut.fen // len(cycles)
    return found


@given(any_case, st.integers(0, 40))
def test_no_cycle_costs_more_than_its_cap(case: Case, cap_yuan: int) -> None:
    def cap(document: Document) -> None:
        document.pop("prepaid", None)  # a stay begun anew counts its cycles anew
        for row in document["classes"]:
            row.pop("uplift_percent", None)
            if "exempt" not in row:
                row["caps"] = [{"yuan": cap_yuan}]

    answered = priced(rewritten(case, cap))
    sums: dict[int, int] = defaultdict(int)
    for (cycle, _), fen in by_cycle(answered, set()).items():
        sums[cycle] += fen
    for (cycle, _), fen in cuts_by_cycle(answered).items():
        sums[cycle] -= fen
    assert all(0 <= fen <= cap_yuan * 100 for fen in sums.values())


@given(any_case, st.integers(0, 20))
def test_no_part_costs_more_than_the_cap_of_its_period(case: Case, cap_yuan: int) -> None:
    def cap(document: Document) -> None:
        for key in ("prepaid", "boundary", "permits"):
            document.pop(key, None)
        document["cycle"] = "day"
        for row in document["classes"]:
            row.pop("uplift_percent", None)
            row.pop("times", None)
            for period in row.get("periods", []):
                if "steps" in period:
                    period["cap_yuan"] = cap_yuan

    answered = priced(rewritten(case, cap))
    cuts = cuts_by_cycle(answered)
    for (cycle, period), fen in by_cycle(answered, set()).items():
        # In one day a period that passes midnight has two parts, any other one.
        assert not period or fen - cuts[cycle, period] <= 2 * cap_yuan * 100


def moved(at: datetime, **parts: int) -> datetime:
    return at.replace(**parts)


@given(any_case, parts_of_a_second, parts_of_a_second)
def test_parts_of_a_second_never_change_a_total(case: Case, first: int, last: int) -> None:
    parked = case.question.parked
    entry, exit_ = moved(parked.entry, microsecond=first), moved(parked.exit, microsecond=last)
    assume(entry <= exit_)
    context = replace(
        case.context(),
        paid=tuple(replace(paid, at=moved(paid.at, microsecond=last)) for paid in case.question.context.paid),
    )
    assert quote(case.tariff, Parked(entry, exit_), context).total == priced(case).total


@given(any_case, seconds_in_a_minute, seconds_in_a_minute)
def test_where_minutes_count_seconds_never_change_a_total(case: Case, first: int, last: int) -> None:
    whole = rewritten(case, lambda document: document.update(clock="minutes"))
    parked = case.question.parked
    entry, exit_ = moved(parked.entry, second=first), moved(parked.exit, second=last)
    assume(entry <= exit_)
    assert quote(whole.tariff, Parked(entry, exit_), whole.context()).total == priced(whole).total


@given(any_case)
def test_the_same_question_gets_the_same_quote_and_json_keeps_it(case: Case) -> None:
    answered = priced(case)
    assert answered == priced(case)
    assert json.loads(json.dumps(answered.to_json())) == answered.to_json()


offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(any_case, offsets, offsets)
def test_the_same_moments_cost_the_same_at_any_offset(case: Case, one: timezone, other: timezone) -> None:
    parked = case.question.parked
    elsewhere = Parked(parked.entry.astimezone(one), parked.exit.astimezone(other))
    context = case.context()
    far = replace(
        context,
        paid=tuple(replace(paid, at=paid.at.astimezone(one)) for paid in context.paid),
        earlier=tuple(
            replace(stay, entry=stay.entry.astimezone(other), exit=stay.exit.astimezone(one))
            for stay in context.earlier
        ),
    )
    assert quote(case.tariff, elsewhere, far).total == priced(case).total


@given(any_case, st.booleans(), st.booleans(), st.integers(1, 10**6))
def test_times_without_offset_or_in_reverse_are_told(case: Case, bare: bool, other: bool, early: int) -> None:  # noqa: FBT001
    parked = case.question.parked
    entry = parked.entry.replace(tzinfo=None) if bare else parked.entry
    exit_ = parked.exit.replace(tzinfo=None) if other else parked.exit
    if not bare and not other:
        exit_ = entry - timedelta(seconds=early)
    with pytest.raises(QuoteError):
        quote(case.tariff, Parked(entry, exit_), case.context())


@given(any_case, st.text())
def test_an_unknown_row_is_told(case: Case, name: str) -> None:
    assume(len(name) != 1)
    with pytest.raises(QuoteError):
        quote(case.tariff, case.question.parked, Context(name))


numbers = st.integers(-2, 70) | st.integers() | st.decimals() | st.decimals(0, 100, places=2)
words = st.sampled_from(
    ["24h", "30min", "0min", "00:00", "24:00", "25:00", "day", "stay", "A", "a", "12-31..01-02", "02-30", "holiday"]
)
moments = st.dates() | st.datetimes(timezones=st.none() | offsets) | st.times()
plain = st.booleans() | numbers | st.text() | words | moments
toml_values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)


def places(value: object) -> list[tuple[Any, Any]]:
    """Every table or list in the document with each of its keys."""
    if isinstance(value, dict):
        keys: list[Any] = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    else:
        return []
    inner = [place for key in keys for place in places(value[key])]  # type: ignore[index]
    return [(value, key) for key in keys] + inner


def damaged(document: Document, damages: list[tuple[int, object]], random: Random) -> Document:
    """The document with some of its values replaced, moved to other keys, or written once more."""
    damaged_: Document = deepcopy(document)
    for kind, value in damages:
        found = places(damaged_)
        if not found:
            break
        holder, key = random.choice(found)
        match kind:
            case 0:
                holder[key] = value
            case 1:
                del holder[key]
            case 2 if isinstance(holder, list):
                holder.append(deepcopy(holder[key]))
            case 3:
                other, place = random.choice(found)
                holder[key] = deepcopy(other[place])
            case _ if isinstance(holder, dict):
                holder[random.choice(found)[1]] = value
    return damaged_


any_damages = st.lists(st.tuples(st.integers(0, 4), toml_values), min_size=1, max_size=3)


@given(any_case, any_damages, st.integers(0, 2**32))
def test_any_damaged_notice_gives_a_tariff_that_prices_or_the_error_of_this_room(
    case: Case, damages: list[tuple[int, object]], seed: int
) -> None:
    document = damaged(dict(case.question.version.document), damages, Random(seed))
    with suppress(TariffError):
        tariff = parse(document)
        assert quote(tariff, case.question.parked, replace(case.context(), vehicle_class=1)).total >= 0


@given(st.dictionaries(st.sampled_from(["id", "name", "cycle", "classes", "free"]) | st.text(), toml_values))
def test_any_document_gives_the_error_of_this_room(document: Document) -> None:
    with pytest.raises(TariffError):
        parse(document)


def made_steady(document: Document) -> None:
    """Take out all for which a longer stay may rightly cost less.

    A cap or a version that goes by the whole length or the exit; a price for full cycles; a rule that gives the
    last part, or all of a short stay, another price; a sum that goes on top of whichever discount is best.
    Periods, grace, caps of other kinds, units that run on, time off and percents only ever add.
    """
    for row in document["classes"]:
        row.pop("full_yuan", None)
        row["caps"] = [cap for cap in row.get("caps", []) if not {"up_to", "under"} & cap.keys()]
    if document.get("boundary", {}).get("rule") in ("short_after", "once"):
        del document["boundary"]
    for discount in document.get("discounts", []):
        discount.pop("on_top", None)


@given(any_case, st.integers(0, 3 * 24 * 60), st.integers(0, 60 * 60))
def test_a_longer_stay_never_costs_less(case: Case, minutes: int, more: int) -> None:
    steady = rewritten(case, made_steady).tariff
    context = replace(case.context(), coupons=(), paid=())
    entry = case.question.parked.entry
    shorter = quote(steady, Parked(entry, entry + minutes * MINUTE), context)
    longer = quote(steady, Parked(entry, entry + minutes * MINUTE + timedelta(seconds=more)), context)
    assert shorter.total <= longer.total


def falls(tariff: Tariff, row: str, entry: datetime) -> bool:
    """Whether a stay of up to three days costs less than one that is a quarter of an hour shorter."""
    last = 0
    for quarter in range(3 * 24 * 4):
        total = quote(tariff, Parked(entry, entry + quarter * 15 * MINUTE), Context(row)).total
        if total < last:
            return True
        last = total
    return False


def told_where_it_falls(seed: int) -> None:
    """A fall from some entry in the year that the doubts are searched in must be among them."""
    random = Random(seed)
    case = rewritten(next(cases(seed, 1)), lambda document: document.pop("calendar", None))
    tariff = case.tariff
    told: set[str] = set()
    for row in tariff.classes:
        entry = datetime.combine(date(2026, 1, 1), time(), CHINA) + random.randrange(365 * 24 * 60) * MINUTE
        if falls(tariff, row.name, entry):
            told = told or {one.row for one in doubts(tariff) if one.kind == "falls"}
            assert row.name in told, f"{row.name} from {entry}\n{case}"


@pytest.mark.parametrize("seed", range(16))
def test_where_a_longer_stay_costs_less_the_doubts_say_so(seed: int) -> None:
    told_where_it_falls(seed)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(1000, 1008))
def test_where_a_longer_stay_costs_less_the_doubts_of_many_tariffs_say_so(seed: int) -> None:
    for number in range(50):
        told_where_it_falls(seed * 50 + number)
