"""`etclane check`: what there is to say of a site without mistakes."""

from collections.abc import Iterator
from pathlib import Path

from gateway.cli.tariff import checked
from gateway.config import Config
from gateway.tariff.doubts import doubts
from gateway.tariff.rules import Tariff


def said(file: Path, site: Config) -> Iterator[str]:
    """That it is good, which lanes only try, what its tariff has of doubts and of what no lane applies yet."""
    lanes = ", ".join(f"{lane.name} ({lane.role})" for lane in site.rules.lanes.values())
    tariff = site.rules.tariff
    yield f"{file}: 配置正确 / good: {site.options.site.id}, {lanes}; {tariff.name}"
    if trials := ", ".join(lane.name for lane in site.rules.lanes.values() if lane.commissioning):
        yield f"  调试中，不扣费不开闸 / in commissioning, debits and opens nothing: {trials}"
    if doubted := list(doubts(tariff)):
        yield from checked(site.options.site.tariff, tariff, doubted)
    for zh, en in _not_passed_on(tariff):
        yield f"  车道尚不传入: {zh} / a lane does not pass on yet: {en}"


def _not_passed_on(tariff: Tariff) -> Iterator[tuple[str, str]]:
    """On what its prices depend that no lane knows; `gateway.site` tells class, colour, earlier stays and ETC."""
    rows = ", ".join(row.name for row in tariff.classes if row.permits)
    by_permit = ", ".join(one.name for one in tariff.discounts if one.permits)
    charging = ", ".join(one.name for one in tariff.discounts if one.charging)
    if tariff.permits:
        yield "证件（[[permits]] 的免费时段）", "permits, for the time in [[permits]]"
    if rows:
        yield f"证件（收费类别 {rows}）", f"permits, for the rows {rows}"
    if by_permit:
        yield f"证件（优惠 {by_permit}）", f"permits, for the discounts {by_permit}"
    if charging:
        yield f"充电时长（优惠 {charging}）", f"how long it charged, for the discounts {charging}"
    if tariff.prepaid:
        yield "预付的时间（[prepaid]）", "when it was paid, for [prepaid]"
