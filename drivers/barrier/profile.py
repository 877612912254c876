"""What is wired to which coil and input of a barrier board, as a file in `config/barriers/` states it."""

import re
from collections.abc import Mapping, Sequence

from protocols.immutable import dataclass

# The inputs that the driver knows; any other name (fire, handset, ...) is passed on to the lane as it is.
PRESENCE = "presence"  # the loop or beam under the arm: on while a vehicle is there
OPENED = "opened"  # limit switch: on while the arm is up
CLOSED = "closed"  # limit switch: on while the arm is down

HIGHEST_ADDRESS = 0xFFFF
LONGEST_READ = 2000  # inputs in one FC02 request (Modbus application protocol 6.2)
PULSE_LIMITS = (0.1, 5.0)  # s: shorter is lost in the link's own delays, longer than any arm needs
POLL_LIMITS = (0.05, 1.0)  # s: two frames take 20 ms at 9600 baud; a vehicle must not be seen later than 1 s

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a profile: where (dotted path of keys) and what is allowed, in English and Chinese."""

    path: str
    message: str


class ProfileError(ValueError):
    """A profile document with mistakes: all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class BarrierProfile:
    """The wiring of one barrier board: coil and input addresses as on the wire (from 0), times in seconds."""

    open_coil: int
    close_coil: int | None  # None: the barrier closes by itself
    pulse: float
    inputs: Mapping[str, int]
    active_low: frozenset[str]
    poll: float

    @property
    def window(self) -> tuple[int, int]:
        """First address and count of the one read that covers all inputs; the count is 0 if there are none."""
        if not self.inputs:
            return 0, 0
        addresses = self.inputs.values()
        return min(addresses), max(addresses) - min(addresses) + 1

    def values(self, bits: Sequence[bool]) -> dict[str, bool]:
        """The inputs by name, turned right way up, out of the bits read from `window`."""
        first, _ = self.window
        return {name: bits[address - first] != (name in self.active_low) for name, address in self.inputs.items()}


def parse(document: Mapping[str, object]) -> BarrierProfile:
    """The profile in a TOML document; raises one `ProfileError` with all its mistakes."""
    problems: list[Problem] = []
    _refuse_unknown(document, "", ("coils", "inputs", "active_low", "poll"), problems)
    coils = _table(document, "coils", problems)
    _refuse_unknown(coils, "coils.", ("open", "close", "pulse"), problems)
    inputs = _inputs(_table(document, "inputs", problems), problems)
    profile = BarrierProfile(
        open_coil=_address(coils.get("open"), "coils.open", problems),
        close_coil=_address(coils["close"], "coils.close", problems) if "close" in coils else None,
        pulse=_seconds(coils.get("pulse"), "coils.pulse", PULSE_LIMITS, problems),
        inputs=inputs,
        active_low=_active_low(document.get("active_low", []), inputs, problems),
        poll=_seconds(document.get("poll"), "poll", POLL_LIMITS, problems),
    )
    if not problems:
        _check_together(profile, problems)
    if problems:
        raise ProfileError(problems)
    return profile


def _check_together(profile: BarrierProfile, problems: list[Problem]) -> None:
    """What only shows when all values are known."""
    if profile.close_coil == profile.open_coil:
        problems.append(
            Problem("coils.close", "须与抬杆线圈不同 / needs a coil of its own, not the one that opens")
        )
    if profile.close_coil is not None and PRESENCE not in profile.inputs:
        message = (
            '有落杆线圈就必须接入 "presence"(杆下地感),否则不得落杆 / '
            'a board with a close coil needs the input "presence" (the loop under the arm)'
        )
        problems.append(Problem(f"inputs.{PRESENCE}", message))
    if len(set(profile.inputs.values())) < len(profile.inputs):
        problems.append(
            Problem("inputs", "两个名称用了同一地址 / two names stand for one address; give each its own")
        )
    if profile.window[1] > LONGEST_READ:
        message = f"地址跨度不得超过 {LONGEST_READ} / must lie within {LONGEST_READ} addresses, to be read at once"
        problems.append(Problem("inputs", message))


def _table(document: Mapping[str, object], key: str, problems: list[Problem]) -> Mapping[str, object]:
    value = document.get(key)
    if isinstance(value, Mapping):
        return value
    problems.append(Problem(key, f"须为表 [{key}] / must be a table, [{key}]"))
    return {}


def _refuse_unknown(
    table: Mapping[str, object], prefix: str, allowed: Sequence[str], problems: list[Problem]
) -> None:
    names = ", ".join(allowed)
    problems.extend(
        Problem(f"{prefix}{key}", f"未知的键;可用: {names} / is not known here; allowed are {names}")
        for key in table
        if key not in allowed
    )


def _inputs(table: Mapping[str, object], problems: list[Problem]) -> dict[str, int]:
    for name in table:
        if not _NAME.fullmatch(name):
            message = (
                "须小写字母开头,只含小写字母、数字、_ / a name is a small letter, then small letters, digits, _"
            )
            problems.append(Problem(f"inputs.{name}", message))
    return {name: _address(value, f"inputs.{name}", problems) for name, value in table.items()}


def _active_low(value: object, inputs: Mapping[str, int], problems: list[Problem]) -> frozenset[str]:
    if not isinstance(value, list):
        problems.append(Problem("active_low", "须为输入名称的列表 / must be a list of input names"))
        return frozenset()
    names = ", ".join(inputs)
    problems.extend(
        Problem("active_low", f"不是本板的输入: {names} / {name!r} is no input of this board; inputs are {names}")
        for name in value
        if name not in list(inputs)
    )
    return frozenset(name for name in inputs if name in value)


def _address(value: object, path: str, problems: list[Problem]) -> int:
    if type(value) is int and 0 <= value <= HIGHEST_ADDRESS:
        return value
    message = (
        f"须为 0 到 {HIGHEST_ADDRESS} 的地址,从 0 起 / must be an address, 0 to {HIGHEST_ADDRESS}, counted from 0"
    )
    problems.append(Problem(path, message))
    return 0


def _seconds(value: object, path: str, limits: tuple[float, float], problems: list[Problem]) -> float:
    low, high = limits
    if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    problems.append(Problem(path, f"须为 {low} 到 {high} 秒 / must be {low} to {high} seconds"))
    return low
