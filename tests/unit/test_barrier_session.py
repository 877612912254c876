from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.barrier.profile import BarrierProfile
from drivers.barrier.session import BarrierSession, Input, InputsRead, Output, ReadInputs, WriteCoil
from drivers.link import Connected, Disconnected, Emit, Tick
from drivers.ports import (
    BarrierDown,
    BarrierUp,
    CloseBarrier,
    CloseRefused,
    InputChanged,
    OpenBarrier,
)

OPEN, CLOSE = 3, 5  # coils
POLL, PULSE = 0.1, 0.5
PROFILE = BarrierProfile(
    open_coil=OPEN,
    close_coil=CLOSE,
    pulse=PULSE,
    inputs={"presence": 0, "opened": 1},
    active_low=frozenset(),
    poll=POLL,
)
CLEAR = InputsRead({"presence": False, "opened": True})
CAR = InputsRead({"presence": True, "opened": True})

OPEN_ON, OPEN_OFF = WriteCoil(OPEN, on=True), WriteCoil(OPEN, on=False)
CLOSE_ON, CLOSE_OFF = WriteCoil(CLOSE, on=True), WriteCoil(CLOSE, on=False)
ASK = ReadInputs()
TO_OPEN, TO_CLOSE = OpenBarrier("gate"), CloseBarrier("gate")


def changed(name: str, *, on: bool | None) -> Emit:
    return Emit(InputChanged("gate", name, on))


def writes(outputs: list[Output]) -> list[WriteCoil]:
    return [output for output in outputs if isinstance(output, WriteCoil)]


def refusals(outputs: list[Output]) -> list[CloseRefused]:
    events = [output.event for output in outputs if isinstance(output, Emit)]
    return [event for event in events if isinstance(event, CloseRefused)]


@pytest.fixture
def session() -> BarrierSession:
    """A board that has just answered at time 0: nobody under the arm, the arm up, no question open."""
    session = BarrierSession("gate", PROFILE)
    session.on(Connected(), 0.0)
    session.on(CLEAR, 0.0)
    return session


@pytest.fixture
def closing(session: BarrierSession) -> BarrierSession:
    """The close coil went on at time 1."""
    session.on(TO_CLOSE, 1.0)
    assert session.on(CLEAR, 1.0) == [CLOSE_ON]
    return session


# --- the link -----------------------------------------------------------------------------------------------


def test_nothing_is_wanted_before_there_is_a_line() -> None:
    session = BarrierSession("gate", PROFILE)
    assert session.deadline is None
    assert session.on(Tick(), 0.0) == []


def test_on_connecting_both_coils_are_switched_off_before_anything_else() -> None:
    session = BarrierSession("gate", PROFILE)
    assert session.on(Connected(), 0.0) == [CLOSE_OFF, OPEN_OFF, ASK]


def test_on_reconnecting_too(session: BarrierSession) -> None:
    session.on(Disconnected("cable"), 1.0)
    assert session.on(Connected(), 2.0) == [CLOSE_OFF, OPEN_OFF, ASK]


def test_up_is_told_when_the_board_answers_and_its_inputs_follow() -> None:
    session = BarrierSession("gate", PROFILE)
    session.on(Connected(), 0.0)
    assert session.on(CAR, 0.0) == [
        Emit(BarrierUp("gate")),
        changed("presence", on=True),
        changed("opened", on=True),
    ]


def test_down_is_told_once_and_every_known_input_becomes_unknown(session: BarrierSession) -> None:
    assert session.on(Disconnected("cable"), 1.0) == [
        Emit(BarrierDown("gate", "cable")),
        changed("presence", on=None),
        changed("opened", on=None),
    ]
    session.on(Connected(), 2.0)
    assert session.on(Disconnected("cable"), 3.0) == []
    assert session.deadline is None


def test_up_is_told_again_after_an_outage(session: BarrierSession) -> None:
    session.on(Disconnected("cable"), 1.0)
    session.on(Connected(), 2.0)
    assert Emit(BarrierUp("gate")) in session.on(CLEAR, 2.0)


def test_a_board_that_never_answered_is_told_to_be_down() -> None:
    session = BarrierSession("gate", PROFILE)
    assert session.on(Disconnected("no cable"), 0.0) == [Emit(BarrierDown("gate", "no cable"))]


# --- inputs -------------------------------------------------------------------------------------------------


def test_inputs_are_polled_at_their_interval(session: BarrierSession) -> None:
    assert session.deadline == pytest.approx(POLL)
    assert session.on(Tick(), 0.05) == []
    assert session.on(Tick(), POLL) == [ASK]
    assert session.deadline == pytest.approx(2 * POLL)


def test_questions_do_not_pile_up(session: BarrierSession) -> None:
    assert session.on(Tick(), 1.0) == [ASK]
    assert session.on(Tick(), 2.0) == []
    session.on(CLEAR, 2.0)
    assert session.on(Tick(), 3.0) == [ASK]


def test_questions_lost_with_the_line_are_forgotten(session: BarrierSession) -> None:
    session.on(Tick(), 1.0)
    session.on(Disconnected("cable"), 1.1)
    session.on(Connected(), 2.0)
    session.on(CLEAR, 2.0)
    assert session.on(Tick(), 3.0) == [ASK]


def test_an_input_is_told_when_it_changes_and_only_then(session: BarrierSession) -> None:
    session.on(Tick(), 1.0)
    assert session.on(CLEAR, 1.0) == []
    session.on(Tick(), 2.0)
    assert session.on(CAR, 2.0) == [changed("presence", on=True)]
    session.on(Tick(), 3.0)
    assert session.on(CLEAR, 3.0) == [changed("presence", on=False)]


def test_an_input_missing_from_a_reading_is_unknown(session: BarrierSession) -> None:
    session.on(Tick(), 1.0)
    assert session.on(InputsRead({"opened": True}), 1.0) == [changed("presence", on=None)]


def test_a_reading_that_nobody_asked_for_is_not_believed(session: BarrierSession) -> None:
    assert session.on(CAR, 1.0) == []
    assert session.on(Tick(), 1.0) == [ASK]


# --- opening ------------------------------------------------------------------------------------------------


def test_an_open_order_pulses_the_open_coil(session: BarrierSession) -> None:
    assert session.on(TO_OPEN, 1.0) == [OPEN_ON]
    session.on(Tick(), 1.45)
    session.on(CLEAR, 1.45)
    assert session.deadline == pytest.approx(1.0 + PULSE)
    assert session.on(Tick(), 1.0 + PULSE) == [OPEN_OFF]
    assert writes(session.on(Tick(), 3.0)) == []


def test_an_open_order_during_the_pulse_prolongs_it(session: BarrierSession) -> None:
    session.on(TO_OPEN, 1.0)
    assert session.on(TO_OPEN, 1.4) == [OPEN_ON]
    assert writes(session.on(Tick(), 1.0 + PULSE)) == []
    assert writes(session.on(Tick(), 1.4 + PULSE)) == [OPEN_OFF]


def test_opening_needs_no_reading_of_presence() -> None:
    session = BarrierSession("gate", PROFILE)
    session.on(Connected(), 0.0)
    assert session.on(TO_OPEN, 0.0) == [OPEN_ON]


def test_opening_ends_a_closing_first(closing: BarrierSession) -> None:
    assert closing.on(TO_OPEN, 1.2) == [CLOSE_OFF, OPEN_ON]
    assert writes(closing.on(Tick(), 1.2 + PULSE)) == [OPEN_OFF]


def test_opening_cancels_a_close_order_that_waits_for_its_reading(session: BarrierSession) -> None:
    session.on(TO_CLOSE, 1.0)
    assert session.on(TO_OPEN, 1.0) == [OPEN_ON]
    assert session.on(CLEAR, 1.1) == []


def test_an_open_order_without_a_line_is_carried_out_on_reconnecting(session: BarrierSession) -> None:
    session.on(Disconnected("cable"), 1.0)
    assert session.on(TO_OPEN, 2.0) == []
    assert session.on(Connected(), 7.0) == [CLOSE_OFF, OPEN_OFF, OPEN_ON, ASK]
    assert writes(session.on(Tick(), 7.0 + PULSE)) == [OPEN_OFF]


def test_an_open_order_older_than_five_seconds_is_dropped(session: BarrierSession) -> None:
    session.on(Disconnected("cable"), 1.0)
    session.on(TO_OPEN, 2.0)
    assert session.on(Connected(), 7.01) == [CLOSE_OFF, OPEN_OFF, ASK]
    session.on(Disconnected("cable"), 7.02)
    assert writes(session.on(Connected(), 7.03)) == [CLOSE_OFF, OPEN_OFF]


def test_an_opening_that_the_line_cut_off_is_done_again(session: BarrierSession) -> None:
    session.on(TO_OPEN, 1.0)
    session.on(Disconnected("no answer"), 1.3)
    assert session.on(Connected(), 2.0) == [CLOSE_OFF, OPEN_OFF, OPEN_ON, ASK]


def test_an_opening_that_was_done_is_not_done_again(session: BarrierSession) -> None:
    session.on(TO_OPEN, 1.0)
    session.on(Tick(), 1.0 + PULSE)
    session.on(Disconnected("no answer"), 1.6)
    assert session.on(Connected(), 2.0) == [CLOSE_OFF, OPEN_OFF, ASK]


# --- closing ------------------------------------------------------------------------------------------------


def test_a_close_order_reads_first_and_then_pulses_the_close_coil(session: BarrierSession) -> None:
    assert session.on(TO_CLOSE, 1.0) == [ASK]
    assert session.on(CLEAR, 1.02) == [CLOSE_ON]
    assert session.deadline == pytest.approx(POLL)
    assert writes(session.on(Tick(), 1.02 + PULSE)) == [CLOSE_OFF]
    session.on(CLEAR, 1.6)
    assert writes(session.on(Tick(), 3.0)) == []


def test_a_car_under_the_arm_is_never_closed_upon(session: BarrierSession) -> None:
    session.on(TO_CLOSE, 1.0)
    outputs = session.on(CAR, 1.0)
    assert writes(outputs) == []
    assert "vehicle is under" in refusals(outputs)[0].reason


def test_what_is_not_known_to_be_free_is_not_closed_upon(session: BarrierSession) -> None:
    session.on(TO_CLOSE, 1.0)
    outputs = session.on(InputsRead({"opened": True}), 1.0)
    assert writes(outputs) == []
    assert "not known" in refusals(outputs)[0].reason


def test_a_refused_close_order_is_forgotten(session: BarrierSession) -> None:
    session.on(TO_CLOSE, 1.0)
    session.on(CAR, 1.0)
    session.on(Tick(), 2.0)
    assert session.on(CLEAR, 2.0) == [changed("presence", on=False)]


def test_a_reading_asked_for_before_the_order_does_not_count(session: BarrierSession) -> None:
    session.on(Tick(), 1.0)
    assert session.on(TO_CLOSE, 1.0) == [ASK]
    assert session.on(CLEAR, 1.0) == []
    outputs = session.on(CAR, 1.1)
    assert writes(outputs) == []
    assert len(refusals(outputs)) == 1


def test_a_second_close_order_waits_for_a_reading_of_its_own(session: BarrierSession) -> None:
    session.on(TO_CLOSE, 1.0)
    session.on(TO_CLOSE, 1.0)
    assert session.on(CLEAR, 1.1) == []
    assert session.on(CLEAR, 1.2) == [CLOSE_ON]


@pytest.mark.parametrize("reading", [CAR, InputsRead({"opened": False})])
def test_an_arm_coming_down_is_reversed_at_once(closing: BarrierSession, reading: InputsRead) -> None:
    closing.on(Tick(), 1.2)
    outputs = closing.on(reading, 1.2)
    assert writes(outputs) == [CLOSE_OFF, OPEN_ON]
    assert "reversed" in refusals(outputs)[0].reason
    assert writes(closing.on(Tick(), 1.2 + PULSE)) == [OPEN_OFF]


def test_a_reversal_that_the_line_cut_off_is_done_again(closing: BarrierSession) -> None:
    closing.on(Tick(), 1.2)
    closing.on(CAR, 1.2)
    closing.on(Disconnected("no answer"), 1.3)
    assert closing.on(Connected(), 2.0) == [CLOSE_OFF, OPEN_OFF, OPEN_ON, ASK]


def test_a_reversal_ends_a_close_order_given_meanwhile(closing: BarrierSession) -> None:
    assert closing.on(TO_CLOSE, 1.2) == [ASK]
    outputs = closing.on(CAR, 1.2)
    assert writes(outputs) == [CLOSE_OFF, OPEN_ON]
    assert len(refusals(outputs)) == 1
    closing.on(Tick(), 1.2 + PULSE)
    assert closing.on(CLEAR, 2.0) == [changed("presence", on=False)]


def test_after_the_pulse_a_car_is_told_and_the_lane_decides(closing: BarrierSession) -> None:
    closing.on(Tick(), 1.0 + PULSE)
    assert closing.on(CAR, 2.0) == [changed("presence", on=True)]


def test_no_closing_while_the_arm_is_being_raised(session: BarrierSession) -> None:
    session.on(TO_OPEN, 1.0)
    outputs = session.on(TO_CLOSE, 1.1)
    assert writes(outputs) == []
    assert "raised" in refusals(outputs)[0].reason
    session.on(Tick(), 1.0 + PULSE)
    assert refusals(session.on(TO_CLOSE, 1.6)) == []


def test_a_close_order_without_a_line_is_refused(session: BarrierSession) -> None:
    session.on(Disconnected("cable"), 1.0)
    outputs = session.on(TO_CLOSE, 1.0)
    assert "does not answer" in refusals(outputs)[0].reason
    session.on(Connected(), 2.0)
    assert writes(session.on(CLEAR, 2.0)) == []


def test_a_closing_that_the_line_cut_off_is_neither_refused_nor_done_again(closing: BarrierSession) -> None:
    assert refusals(closing.on(Disconnected("cable"), 1.1)) == []
    assert closing.on(Connected(), 2.0) == [CLOSE_OFF, OPEN_OFF, ASK]
    assert closing.on(CLEAR, 2.0)[0] == Emit(BarrierUp("gate"))
    assert writes(closing.on(Tick(), 3.0)) == []


def test_nothing_is_written_on_a_lost_line(closing: BarrierSession) -> None:
    closing.on(Disconnected("cable"), 1.1)
    assert closing.on(Tick(), 9.0) == []
    assert closing.release() == []


def test_a_close_order_whose_reading_is_lost_is_refused(session: BarrierSession) -> None:
    session.on(TO_CLOSE, 1.0)
    assert len(refusals(session.on(Disconnected("cable"), 1.0))) == 1
    session.on(Connected(), 2.0)
    assert writes(session.on(CLEAR, 2.0)) == []


def test_a_barrier_that_closes_by_itself_refuses_to_be_closed() -> None:
    alone = BarrierProfile(
        open_coil=OPEN, close_coil=None, pulse=PULSE, inputs={}, active_low=frozenset(), poll=POLL
    )
    session = BarrierSession("gate", alone)
    assert session.on(Connected(), 0.0) == [OPEN_OFF, ASK]
    assert session.on(InputsRead({}), 0.0) == [Emit(BarrierUp("gate"))]
    assert "closes by itself" in refusals(session.on(TO_CLOSE, 0.0))[0].reason


def test_a_driver_that_stops_leaves_no_coil_on(closing: BarrierSession) -> None:
    assert closing.release() == [CLOSE_OFF]
    closing.on(Tick(), 1.0 + PULSE)
    assert closing.release() == []


# --- any sequence -------------------------------------------------------------------------------------------


class Yard:
    """A board as slow as can be: a reading says how things stood when it was asked for, not when it arrives."""

    def __init__(self) -> None:
        self.session = BarrierSession("gate", PROFILE)
        self.now = 0.0
        self.connected = False
        self.presence: bool | None = False  # None: the board leaves it out
        self.questions: deque[tuple[int, bool | None]] = deque()  # (the order then standing, presence then)
        self.orders = 0
        self.close_order: int | None = None
        self.closing_allowed = False
        self.on: set[int] = set()

    def give(self, event: Input) -> list[Output]:
        outputs = self.session.on(event, self.now)
        for output in outputs:
            if isinstance(output, ReadInputs):
                self.questions.append((self.orders, self.presence))
            elif isinstance(output, WriteCoil):
                self.switch(output)
        return outputs

    def switch(self, write: WriteCoil) -> None:
        assert self.connected
        if write == CLOSE_ON:
            assert self.closing_allowed
            assert OPEN not in self.on
        if write == OPEN_ON:
            assert CLOSE not in self.on
        (self.on.add if write.on else self.on.discard)(write.address)

    def step(self, name: str) -> None:
        self.closing_allowed = False
        getattr(self, f"do_{name}")()
        deadline = self.session.deadline
        assert (deadline is None) == (not self.connected)

    def do_open(self) -> None:
        self.close_order = None
        assert (OPEN_ON in self.give(TO_OPEN)) == self.connected

    def do_close(self) -> None:
        self.orders += 1
        self.close_order = self.orders
        assert CLOSE_ON not in self.give(TO_CLOSE)

    def do_tick(self) -> None:
        self.now = max(self.now, self.session.deadline or self.now)
        self.give(Tick())

    def do_second(self) -> None:
        self.now += 1.0
        self.give(Tick())
        assert not self.on

    def do_answer(self) -> None:
        if self.questions:
            order, presence = self.questions.popleft()
            self.closing_allowed = order == self.close_order and presence is False
            self.give(InputsRead({} if presence is None else {"presence": presence}))

    def do_car(self) -> None:
        self.presence = True

    def do_free(self) -> None:
        self.presence = False

    def do_broken(self) -> None:
        self.presence = None

    def do_connect(self) -> None:
        if not self.connected:
            self.connected = True
            self.give(Connected())

    def do_lose(self) -> None:
        self.questions.clear()
        self.give(Disconnected("line"))
        self.connected = False
        self.close_order = None
        self.on.clear()  # written off on reconnecting, before anything else


STEPS = ["open", "close", "tick", "second", "answer", "car", "free", "broken", "connect", "lose"]


@settings(max_examples=500)
@given(st.lists(st.sampled_from([*STEPS, "answer", "answer", "close", "free", "connect"]), max_size=60))
def test_in_any_sequence_only_a_fresh_clear_reading_closes(steps: list[str]) -> None:
    yard = Yard()
    for step in steps:
        yard.step(step)
    if yard.connected:
        yard.step("second")  # no coil stays on


def test_the_yard_does_close() -> None:
    yard = Yard()
    for step in ["connect", "answer", "close", "answer"]:
        yard.step(step)
    assert yard.on == {CLOSE}
