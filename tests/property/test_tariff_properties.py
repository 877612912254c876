"""What holds of every tariff and every stay, and an oracle that walks the stay minute by minute."""

import json
from contextlib import suppress
from datetime import datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.tariff.engine import Quote, QuoteError, quote
from gateway.tariff.rules import Ladder, Tariff, TariffError, parse

CHINA = timezone(timedelta(hours=8))
ENTRY = datetime(2024, 6, 5, 9, tzinfo=CHINA)
MINUTES_PER_DAY = 24 * 60
SECONDS_PER_DAY = MINUTES_PER_DAY * 60

# Two cores are shared by the whole suite: a slow example is no failure.
patient = settings(deadline=None)

# Short steps and small prices, so that every rule is met; long ones too, so that none is missed.
step_minutes = st.integers(1, 90) | st.integers(1, MINUTES_PER_DAY)
fen = st.integers(0, 1500)


@st.composite
def tariffs(draw: st.DrawFn, *, capped: bool = False) -> Tariff:
    first_fen = draw(fen)
    caps = st.integers(first_fen, 20_000)
    cap_fen = draw(caps if capped else st.none() | caps)
    row: dict[str, object] = {
        "name": "all",
        "default": True,
        "first_minutes": draw(step_minutes),
        "first_fen": first_fen,
        "unit_minutes": draw(step_minutes),
        "unit_fen": draw(fen),
    }
    if cap_fen is not None:
        row["cap_fen"] = cap_fen
    free = draw(st.integers(0, 60) | st.integers(0, 3 * MINUTES_PER_DAY))
    return parse({"id": "P", "version": "1", "name": "p", "free_minutes": free, "classes": [row]})


def minutes_and_edges(days: int) -> st.SearchStrategy[int]:
    """Lengths in seconds: any, and those on and one second beside a whole minute, where prices step."""
    whole_minutes = st.integers(1, days * MINUTES_PER_DAY)
    edges = st.builds(lambda minutes, beside: minutes * 60 + beside, whole_minutes, st.integers(-1, 1))
    return edges | st.integers(0, days * SECONDS_PER_DAY)


def stay(tariff: Tariff, seconds: int) -> Quote:
    return quote(tariff, 1, ENTRY, ENTRY + timedelta(seconds=seconds))


def slow_fee(free_minutes: int, ladder: Ladder, seconds: int) -> int:
    """Walk every minute that has started and charge each price where its step begins."""
    if seconds <= free_minutes * 60:
        return 0
    days: list[int] = []
    minute = 0
    while minute * 60 < seconds:
        into_day = minute % MINUTES_PER_DAY
        if into_day == 0:
            days.append(ladder.first_fen)
        elif into_day >= ladder.first_minutes and (into_day - ladder.first_minutes) % ladder.unit_minutes == 0:
            days[-1] += ladder.unit_fen
        if ladder.cap_fen is not None:
            days[-1] = min(days[-1], ladder.cap_fen)
        minute += 1
    return sum(days)


@patient
@given(tariffs(), minutes_and_edges(days=4))
def test_the_slow_oracle_agrees(tariff: Tariff, seconds: int) -> None:
    assert stay(tariff, seconds).total == slow_fee(tariff.free_minutes, tariff.classes[0].ladder, seconds)


@patient
@given(tariffs(), minutes_and_edges(days=400))
def test_the_total_is_the_sum_of_its_lines_and_never_negative(tariff: Tariff, seconds: int) -> None:
    answer = stay(tariff, seconds)
    assert answer.total == sum(line.fen for line in answer.lines) >= 0
    assert all(line.fen == line.units * line.unit_fen and line.units > 0 for line in answer.lines)
    assert all(line.fen < 0 if line.rule == "cap" else line.fen >= 0 for line in answer.lines)


@patient
@given(tariffs(), minutes_and_edges(days=10), minutes_and_edges(days=10))
def test_a_longer_stay_never_costs_less(tariff: Tariff, one: int, other: int) -> None:
    shorter, longer = sorted((one, other))
    assert stay(tariff, shorter).total <= stay(tariff, longer).total


@patient
@given(tariffs(), minutes_and_edges(days=10))
def test_one_second_more_never_costs_less(tariff: Tariff, seconds: int) -> None:
    assert stay(tariff, seconds).total <= stay(tariff, seconds + 1).total


@patient
@given(tariffs(capped=True), minutes_and_edges(days=400))
def test_no_period_costs_more_than_the_cap(tariff: Tariff, seconds: int) -> None:
    cap = tariff.classes[0].ladder.cap_fen
    assert cap is not None
    answer = stay(tariff, seconds)
    spans = {(line.from_period, line.to_period) for line in answer.lines}
    for first, last in spans:
        of_span = [line.fen for line in answer.lines if (line.from_period, line.to_period) == (first, last)]
        assert sum(of_span) <= cap * (last - first + 1)
    covered = sorted(period for first, last in spans for period in range(first, last + 1))
    assert covered == list(range(1, max(1, -(-seconds // SECONDS_PER_DAY)) + 1))


@patient
@given(tariffs(), minutes_and_edges(days=3), st.integers(1, 20_000))
def test_whole_days_add_exactly(tariff: Tariff, seconds: int, days: int) -> None:
    beyond_free = tariff.free_minutes * 60 + 1 + seconds
    a_day = slow_fee(0, tariff.classes[0].ladder, SECONDS_PER_DAY)
    assert (
        stay(tariff, beyond_free + days * SECONDS_PER_DAY).total == stay(tariff, beyond_free).total + days * a_day
    )


@patient
@given(tariffs(), minutes_and_edges(days=400))
def test_the_same_question_gets_the_same_quote(tariff: Tariff, seconds: int) -> None:
    assert stay(tariff, seconds) == stay(tariff, seconds)
    assert json.loads(json.dumps(stay(tariff, seconds).to_json())) == stay(tariff, seconds).to_json()


offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(timezones=st.none() | offsets)


@patient
@given(tariffs(), moments, moments)
def test_any_two_times_give_a_quote_or_the_error_of_this_room(
    tariff: Tariff, entry: datetime, exit_: datetime
) -> None:
    try:
        answer = quote(tariff, 1, entry, exit_)
    except QuoteError:
        assert entry.tzinfo is None or exit_.tzinfo is None or exit_ < entry
    else:
        assert exit_ >= entry
        assert len(answer.lines) <= 6


toml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
row_keys = st.sampled_from(
    ["name", "default", "vehicle_classes", "first_minutes", "first_fen", "unit_minutes", "unit_fen", "cap_fen"]
)
any_rows = st.lists(st.dictionaries(row_keys | st.text(), toml_values) | toml_values, max_size=3)
notice_keys = st.sampled_from(["id", "version", "name", "free_minutes", "classes"])


@patient
@given(st.dictionaries(notice_keys | st.text(), toml_values), st.none() | any_rows)
def test_any_document_gives_a_tariff_or_the_error_of_this_room(document: dict[str, object], rows: object) -> None:
    with suppress(TariffError):
        parse(document if rows is None else document | {"classes": rows})
