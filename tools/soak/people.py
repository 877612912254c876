"""The people of a lot: who comes when, for how long, in what, and what they do when they do not get out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from protocols.obu.values import CREDIT, STORED_VALUE
from tools.cards import DEFECTS, make_tag
from tools.soak.clock import Clock, Part, Process, Until
from tools.soak.options import TAGS, Options
from tools.soak.passage import Car, Passage, Spot, Surroundings

RICH, POOR = 500_000, 100
"""Fen on a card that is well filled, and on one that is not."""
BUSY: Final = (1, 1, 1, 1, 1, 2, 6, 12, 14, 10, 8, 8, 10, 9, 8, 8, 9, 12, 13, 10, 7, 5, 3, 2)
"""How many cars come in each hour of a day, in proportion."""


@dataclass(slots=True)
class People:
    """All cars of a lot and their ways through it."""

    options: Options
    surroundings: Surroundings
    spots: Mapping[str, Spot]
    cars: list[Car] = field(default_factory=list)

    @property
    def clock(self) -> Clock:
        """The world's."""
        return self.surroundings.clock

    @property
    def rng(self) -> Random:
        """What these people do by chance."""
        return self.surroundings.rng

    def begin(self) -> None:
        """Make the cars, and let them come day by day."""
        for number in range(max(20, self.options.per_day * 2)):
            self.cars.append(self._car(number))
        for day in range(self.options.days):
            for at in self._arrivals():
                self.clock.at(day * self.options.day + at, self._come)

    def _car(self, number: int) -> Car:
        [defect] = self.rng.choices([*TAGS, None], [*TAGS.values(), 1 - sum(TAGS.values())])
        kind = CREDIT if defect == "credit" else STORED_VALUE
        plate = f"测A{number:05}"
        tag = make_tag(number + 1, plate, 1, POOR if defect == "poor" else RICH, kind)
        if defect and defect in DEFECTS:
            tag.tag = DEFECTS[defect](tag.tag)
        return Car(tag, None if defect in ("credit", "low-battery") else defect)

    def _arrivals(self) -> list[float]:
        hour = self.options.day / len(BUSY)
        hours = self.rng.choices(range(len(BUSY)), BUSY, k=self.options.per_day)
        return sorted((each + self.rng.random()) * hour for each in hours)

    def _come(self) -> None:
        outside = [car for car in self.cars if car.inside_since is None and not car.on_the_way]
        if outside:
            self.clock.begin(self._trip(self.rng.choice(outside)))

    # --- a car's day ----------------------------------------------------------------------------------------

    def _trip(self, car: Car) -> Process:
        """In, a stay, and out; who cannot get in goes away, who cannot get out tries again."""
        car.on_the_way = True
        entered = yield from self._through(car, self._choose("entry"))
        car.on_the_way = False
        if not entered:
            return
        car.inside_since = self.clock.now
        yield self._stay()
        while not (yield from self._through(car, self._choose("exit"))):
            yield self.rng.uniform(60, 400)
        car.inside_since, car.known = None, False
        if car.tag.card.kind == STORED_VALUE and car.defect != "poor" and car.tag.balance < RICH / 2:
            car.tag.card = replace(car.tag.card, balance=RICH)

    def _stay(self) -> float:
        [kind] = self.rng.choices(("short", "usual", "long"), (0.15, 0.75, 0.1))
        if kind == "short":
            return self.rng.uniform(120, 1200)
        if kind == "usual":
            return min(self.rng.lognormvariate(8.6, 0.8), self.options.day)
        return self.rng.uniform(8, 30) * 3600

    def _choose(self, role: str) -> Spot:
        spots = [spot for spot in self.spots.values() if spot.role == role]
        return min(spots, key=lambda spot: (len(spot.queue), self.rng.random()))

    def _through(self, car: Car, spot: Spot) -> Part:
        """Queue, and pass; gives whether it came through."""
        place = object()
        spot.queue.append(place)
        yield Until(lambda: spot.queue[0] is place, spot.moved)
        try:
            return (yield from Passage(self.surroundings, car, spot).drive())
        finally:
            self.clock.after(self.rng.uniform(0.8, 4.0), lambda: self._next(spot))

    def _next(self, spot: Spot) -> None:
        spot.queue.popleft()
        spot.left_at = self.clock.now
        spot.moved.tell()
