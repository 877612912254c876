"""A check that cannot fail proves nothing: for each law, a broken gateway that it must catch."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from drivers.ports import Debit, Instant, OpenBarrier, TagRead
from gateway import audit, runner
from gateway.lane import arrival, checks, debit, passage
from gateway.lane.answers import refuse
from gateway.lane.state import Do, Record
from gateway.ledger import store
from gateway.ledger.entries import GENESIS, Moment, NotDebited
from gateway.ledger.stays import Stays
from gateway.orders import Pay
from gateway.runner import Runner
from gateway.site import Actions, Site
from gateway.uplink.sync import Connected, Disconnected, Sync
from tools.soak.options import dense
from tools.soak.report import problem
from tools.soak.world import play

WORLDS = 20

Break = Callable[[pytest.MonkeyPatch], None]


def _too_early(kind: type) -> Break:
    """Orders of this kind leave before what they wait for is durable."""

    def mutation(patch: pytest.MonkeyPatch) -> None:
        sound = Runner._carry_out

        def broken(self: Runner, actions: list, moment: Moment) -> None:
            hasty = [
                (lane, replace(do, after=None) if isinstance(do, Do) and isinstance(do.order, kind) else do)
                for lane, do in actions
            ]
            sound(self, hasty, moment)

        patch.setattr(Runner, "_carry_out", broken)

    return mutation


def _any_balance_is_evidence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(debit, "evidence", lambda _doubted, _read: True)


def _a_lost_result_is_none(patch: pytest.MonkeyPatch) -> None:
    """A debit whose outcome is not known is taken for one that was not made."""
    sound = debit._unknown

    def broken(s, under_way, intent, reason):  # noqa: ANN001, ANN202
        lane, _ = sound(s, under_way, intent, reason)
        return lane, [Record(NotDebited(intent.id, reason))]

    patch.setattr(debit, "_unknown", broken)


def _chain_begins_anew(patch: pytest.MonkeyPatch) -> None:
    sound = store.chained
    patch.setattr(store, "chained", lambda draft, chain, number, _: sound(draft, chain, number, GENESIS))


def _numbers_with_gaps(patch: pytest.MonkeyPatch) -> None:
    sound = store.chained
    patch.setattr(store, "chained", lambda draft, chain, n, previous: sound(draft, chain, n + (n > 50), previous))


def _no_refunds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(audit, "_refund", lambda _stays, _body: None)


def _closes_on_whoever_is_there(patch: pytest.MonkeyPatch) -> None:
    """At the end of its time a passage ends, car or no car."""
    sound = passage._end
    patch.setattr(
        passage, "_end", lambda rules, lane, passing, now: sound(rules, replace(lane, occupied=False), passing, now)
    )


def _waits_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(passage, "deadline", lambda _lane: None)


def _steps_move_no_times(patch: pytest.MonkeyPatch) -> None:
    """A step of the clock is on record, and the times of the stays are left as they were."""
    patch.setattr(Stays, "_shift", lambda *_: None)


def _takes_a_payment_twice(patch: pytest.MonkeyPatch) -> None:
    paid = Site._paid

    def broken(self: Site, order: Pay, now: Moment) -> Actions:
        self.stays.payments.pop(order.payment, None)
        return paid(self, order, now)

    patch.setattr(Site, "_paid", broken)


def _forgets_payments_for_ended_stays(patch: pytest.MonkeyPatch) -> None:
    paid = Site._paid

    def broken(self: Site, order: Pay, now: Moment) -> Actions:
        stay = self.stays.find(order.stay)
        return [] if stay and stay.closed else paid(self, order, now)

    patch.setattr(Site, "_paid", broken)


def _needs_the_network(patch: pytest.MonkeyPatch) -> None:
    """No tag is dealt with while the uplink is not connected."""
    connected = [False]
    sync, on = Sync.on, Runner.on

    def watched(self: Sync, event: object, now: float) -> object:
        if isinstance(event, Connected | Disconnected):
            connected[0] = isinstance(event, Connected)
        return sync(self, event, now)

    def broken(self: Runner, event: object, now: Instant) -> None:
        if connected[0] or not isinstance(event, TagRead):
            on(self, event, now)

    patch.setattr(Sync, "on", watched)
    patch.setattr(Runner, "on", broken)


def _sent_is_delivered(patch: pytest.MonkeyPatch) -> None:
    """The broker's word is taken for the platform's."""
    sound = Sync.__init__

    def broken(self: Sync, cursor: int, last: int, **options: Any) -> None:  # noqa: ANN401  handed on as they are
        sound(self, cursor, last, **{**options, "confirm": "broker"})

    patch.setattr(Sync, "__init__", broken)


def _believes_any_clock(patch: pytest.MonkeyPatch) -> None:
    sound = Runner._moment
    patch.setattr(Runner, "_moment", lambda self, now: replace(sound(self, now), trusted=True))


def _overlooks_steps(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(runner, "STEP", 1e9)


def _no_ceiling(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checks, "undebitable", lambda _card, _fen, _ceiling: None)


def _debits_while_paused(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(arrival, "_why_no_debit", lambda s, card, fen: checks.undebitable(card, fen, s.rules.ceiling))


MUTATIONS: list[tuple[int, tuple[str, ...], Break]] = [
    (1, (), _too_early(Debit)),
    (2, ("bad line",), _any_balance_is_evidence),
    (2, ("bad line",), _a_lost_result_is_none),
    (3, (), _too_early(OpenBarrier)),
    (4, (), _chain_begins_anew),
    (4, (), _numbers_with_gaps),
    (5, (), _no_refunds),
    (5, ("platform away",), _takes_a_payment_twice),
    (5, (), _forgets_payments_for_ended_stays),
    (6, (), _closes_on_whoever_is_there),
    (7, (), _waits_for_ever),
    (8, ("broker away",), _needs_the_network),
    (9, ("broker away", "platform away"), _sent_is_delivered),
    (10, ("clock step",), _believes_any_clock),
    (10, (), _overlooks_steps),
    (10, ("clock step",), _steps_move_no_times),
    (11, (), _no_ceiling),
    (11, (), _debits_while_paused),
]
"""The law, the troubles that bring it out and come more often here, and what is broken."""


@pytest.mark.parametrize(
    ("law", "often", "mutation"), MUTATIONS, ids=[f"{law}-{b.__name__.strip('_')}" for law, _, b in MUTATIONS]
)
def test_a_gateway_that_breaks_a_law_is_caught_by_it(
    law: int, often: tuple[str, ...], mutation: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutation(monkeypatch)
    for seed in range(1, WORLDS + 1):
        outcome = play(dense(seed, *often))
        if outcome.broken:
            assert outcome.broken.law == law, f"caught in world {seed}, and by another law: {outcome.broken}"
            return
    pytest.fail(f"not caught in {WORLDS} worlds")


def test_refusing_everybody_is_no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "enter", lambda s, vehicle, *_: refuse(s, checks.NO_STAY, vehicle))
    told = problem(play(dense(1, faults=1, cars=40, hours=3)))
    assert told
    assert "healthy passages ended well" in told
