"""How long to wait before the next attempt: doubling, jittered, never below a floor and never above a ceiling."""

from random import Random


class Backoff:
    """Waits in seconds from `first` to `ceiling`, jittered by `rng` so that lanes do not act in step."""

    def __init__(self, first: float, ceiling: float, rng: Random) -> None:
        self._first = first
        self._ceiling = ceiling
        self._rng = rng
        self._span = first
        self.reset()

    def next(self) -> float:
        """The wait before the next attempt: somewhere in the upper half of a span that doubles each time."""
        span = self._span
        self._span = min(self._ceiling, 2 * span)
        return self._rng.uniform(max(self._first, span / 2), span)

    def reset(self) -> None:
        """The other side has answered (a connection alone is no answer): begin with the shortest wait again."""
        self._span = min(self._ceiling, 2 * self._first)
