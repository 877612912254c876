"""The grammar of a price notice: every table that a technician writes, its keys, and which go together."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gateway.notice.values import (
    MANY,
    Code,
    Color,
    Few,
    Length,
    Percent,
    Season,
    Text,
    TimeOfDay,
    Yuan,
    counts_from,
    factor,
    within_a_day,
    yuan_or_list,
)
from gateway.tariff import rules
from gateway.tariff.calendar import Kind
from gateway.tariff.rules import DAY, When

_EMPTY = "起止时刻相同，时段为空 / from and to are the same: the period is empty"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


class StepTable(_Table):
    """`{ until = "1h", unit = "30min", yuan = 2.5 }`: up to where in the part, each what, how much."""

    until: Length | None = None
    unit: Length | None = None
    yuan: Yuan
    name: Text | None = None


class _OnDays(_Table):
    days: Annotated[list[Kind], Field(max_length=3)] = []
    season: Annotated[list[Season], Few] = []

    def when(self) -> When:
        """On which days it holds."""
        return When(frozenset(self.days), tuple(self.season))


class PeriodTable(_OnDays):
    """`[[classes.periods]]`: a stretch of the day with its own steps, or free."""

    name: Text
    begin: Annotated[TimeOfDay, Field(alias="from")] = 0
    end: Annotated[TimeOfDay, Field(alias="to")] = DAY
    steps: Annotated[list[StepTable], Few] = []
    cap_yuan: Yuan | None = None
    free: bool = False

    @model_validator(mode="after")
    def _steps_or_free(self) -> "PeriodTable":
        if self.begin == self.end:
            raise ValueError(_EMPTY)
        if self.free == bool(self.steps):
            raise ValueError("须写 steps 或 free = true，二者取一 / must have either steps or free = true")
        return self


class CapTable(_OnDays):
    """`[[classes.caps]]`: the most that a cycle costs; a list gives the first, second, … cycle its own."""

    yuan: Annotated[tuple[int, ...], BeforeValidator(yuan_or_list)]
    up_to: Length | None = None
    under: Length | None = None


class FreeTable(_Table):
    """`[free]`: time that costs nothing."""

    time: Length
    boundary: Literal["inclusive", "strict"] = "inclusive"
    exceeded: Literal["lost", "deducted"] = "lost"
    each: Literal["stay", "cycle"] = "stay"
    again_after: Annotated[int | None, BeforeValidator(within_a_day)] = None
    uses: Annotated[int, Field(ge=1, le=100)] | None = None
    per: Literal["day", "24h"] = "24h"

    def rule(self) -> rules.Free:
        """As the engine wants it."""
        return rules.Free(
            self.time,
            strict=self.boundary == "strict",
            lost=self.exceeded == "lost",
            each_cycle=self.each == "cycle",
            again=self.again_after,
            uses=self.uses,
            per_day=self.per == "day",
        )


class RoundingTable(_Table):
    """`rounding = { to = "yuan", how = "half_up" }`."""

    to: Literal["fen", "jiao", "yuan"] = "fen"
    how: Literal["half_up", "up", "down"] = "half_up"

    def rule(self) -> rules.Rounding:
        """As the engine wants it."""
        return rules.Rounding({"fen": 1, "jiao": 10, "yuan": 100}[self.to], self.how)


class ClassTable(_Table):
    """`[[classes]]`: one row of the notice."""

    name: Text
    default: bool = False
    vehicle_classes: Annotated[list[Code], Field(max_length=256)] = []
    plate_colors: Annotated[list[Color], Few] = []
    permits: Annotated[list[Text], Few] = []
    exempt: bool = False
    like: Text | None = None
    times: Annotated[Decimal | None, BeforeValidator(factor)] = None
    plus_yuan: Yuan | None = None
    rounding: RoundingTable | None = None
    free: FreeTable | None = None
    steps: Annotated[list[StepTable], Few] = []
    periods: Annotated[list[PeriodTable], Few] = []
    caps: Annotated[list[CapTable], Few] = []
    full_yuan: Yuan | None = None
    uplift_percent: Percent | None = None


class PermitTable(_Table):
    """`[[permits]]`: a permit that makes time free on the days it is valid, from one time of day to another."""

    kind: Text
    name: Text
    begin: Annotated[TimeOfDay, Field(alias="from")] = 0
    end: Annotated[TimeOfDay, Field(alias="to")] = DAY

    @model_validator(mode="after")
    def _some_time(self) -> "PermitTable":
        if self.begin == self.end:
            raise ValueError(_EMPTY)
        return self


class DiscountTable(_Table):
    """`[[discounts]]`: what is taken off, and from whom."""

    name: Text
    plate_colors: Annotated[list[Color], Few] = []
    permits: Annotated[list[Text], Few] = []
    channel: Literal["etc", ""] = ""
    time: Length | None = None
    charging: bool = False
    percent: Percent | None = None
    yuan: Yuan | None = None
    whole: bool = False
    first: Annotated[int, Field(ge=1, le=100)] | None = None
    per: Literal["day", "24h"] = "day"
    budget: Length | None = None
    on_top: bool = False

    @model_validator(mode="after")
    def _takes_something(self) -> "DiscountTable":
        if not (self.time or self.percent or self.yuan or self.whole):
            raise ValueError(
                "须写 time、percent、yuan 或 whole = true / must have time, percent, yuan or whole = true"
            )
        if self.on_top and (self.time or self.whole):
            raise ValueError("on_top 只能与 percent、yuan 同用 / on_top goes with percent and yuan only")
        if (self.charging or self.budget) and not self.time:
            raise ValueError("charging、budget 须与 time 同用 / charging and budget go with time")
        if self.budget and self.first is None:
            raise ValueError("budget 须与 first 同用 / budget goes with first")
        return self

    def rule(self) -> rules.Discount:
        """As the engine wants it."""
        return rules.Discount(
            name=self.name,
            plate_colors=frozenset(self.plate_colors),
            permits=frozenset(self.permits),
            channel=self.channel,
            time=self.time or 0,
            charging=self.charging,
            hundredths=self.percent or 0,
            fen=self.yuan or 0,
            whole=self.whole,
            first=self.first,
            per_day=self.per == "day",
            budget=self.budget,
            on_top=self.on_top,
        )


class BoundaryTable(_Table):
    """`[boundary]`: what becomes of a stay that crosses from one period into the next."""

    rule: Literal["cut", "unit", "short_before", "short_after", "once"]
    under: Length | None = None
    within: Length | None = None
    period: Text | None = None

    @model_validator(mode="after")
    def _what_it_needs(self) -> "BoundaryTable":
        needs = {"short_after": {"under"}, "once": {"within", "period"}}.get(self.rule, set())
        has = {key for key in ("under", "within", "period") if getattr(self, key) is not None}
        if needs != has:
            said = ", ".join(sorted(needs)) or "-"
            raise ValueError(f"{self.rule} 须且只须写: {said} / {self.rule} needs these and no others: {said}")
        return self


class PrepaidTable(_Table):
    """`[prepaid]`: how long one may take to leave after paying, and what is due later."""

    leave: Length
    later: Literal["difference", "anew"]


class CalendarTable(_Table):
    """`[calendar]`: days that the national calendar does not know (yet), and the lot's own free days."""

    holidays: Annotated[list[date], Field(max_length=1000)] = []
    working: Annotated[list[date], Field(max_length=1000)] = []
    free: Annotated[list[date], Field(max_length=1000)] = []


class ReplacesTable(_Table):
    """`[replaces]`: the version before, from when this one holds, and who prices a stay over that moment."""

    file: Text
    since: Annotated[AwareDatetime, Field(alias="from")]
    stays: Literal["entry", "exit", "split"]


class NoticeFile(_Table):
    """The whole file."""

    id: Text
    version: Text
    name: Text
    cycle: Literal["24h", "day", "stay"]
    clock: Literal["seconds", "minutes", "inward"] = "seconds"
    count: Annotated[int, BeforeValidator(counts_from)] = 1
    free: FreeTable | None = None
    boundary: BoundaryTable = BoundaryTable(rule="cut")
    classes: Annotated[list[ClassTable], Field(min_length=1, max_length=MANY)]
    permits: Annotated[list[PermitTable], Few] = []
    discounts: Annotated[list[DiscountTable], Few] = []
    stacking: Literal["best", "stacked"] = "best"
    order: Annotated[list[Literal["percent", "money"]], Field(min_length=2, max_length=2)] = ["percent", "money"]
    rounding: RoundingTable = RoundingTable()
    shared_cap: bool = False
    prepaid: PrepaidTable | None = None
    calendar: CalendarTable = CalendarTable()
    replaces: ReplacesTable | None = None
