"""May this tag pass, and may it be debited: checks before any order, each with the words for the driver.

Dates count inclusive of both ends (domain 4.4 item 11). Sources: rsu-protocol 11.3, gbt20851 5.3, domain 6.3.
"""

from datetime import date

from drivers.ports import TagRead
from protocols.immutable import dataclass
from protocols.obu.values import STORED_VALUE, Card, Tag, Vehicle


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: a code for the record, words for the display, and what the driver can do about it."""

    code: str
    zh: str
    en: str
    do_zh: str = "请联系管理员"
    do_en: str = "please call staff"
    detail: str = ""


REMOVED = Refusal("tag removed", "标签被拆卸", "Tag was removed")
LOCKED = Refusal("tag locked", "标签已锁定", "Tag is locked")
NO_CARD = Refusal("no card", "未插卡", "No card in the tag", "请插入ETC卡", "please insert it")
CARD_ERROR = Refusal("card error", "卡片异常", "Card error", "请重新插卡", "please insert it again")
UNREADABLE = Refusal("unreadable", "标签读取失败", "Tag cannot be read")
NO_PLATE = Refusal("no plate", "标签无有效车牌", "The tag names no plate")
TAG_EXPIRED = Refusal("tag expired", "标签已过期", "Tag has expired")
TAG_NOT_STARTED = Refusal("tag not valid yet", "标签未启用", "Tag is not valid yet")
CARD_EXPIRED = Refusal("card expired", "ETC卡已过期", "Card has expired")
LISTED = Refusal("card listed", "该卡在状态名单内", "The card is on the status list")
CARD_NOT_STARTED = Refusal("card not valid yet", "ETC卡未启用", "Card is not valid yet")
ISSUER = Refusal("wrong issuer", "卡签发行方不一致", "Card and tag have different issuers")
PLATE = Refusal("plate differs", "卡签车牌不一致", "Card and tag name different plates")
NO_STAY = Refusal("no entry record", "无入场记录", "No entry record")
CEILING = Refusal("over the ceiling", "金额超限", "Amount is over the limit")
BALANCE = Refusal("balance too low", "余额不足", "Balance is too low")
CLOCK = Refusal("clock not trusted", "时钟异常", "The clock is not trusted")
PAUSED = Refusal("etc paused", "ETC暂停使用", "ETC is paused")
STALE = Refusal("stay too old", "停车时间过长", "The stay is too old")
NOT_ITS_TAG = Refusal("another vehicle's tag", "标签与车牌不符", "The tag is not this vehicle's")
UNIDENTIFIED = Refusal("unidentified", "未识别车辆", "Vehicle not identified")
BUSY = Refusal("busy elsewhere", "本车道忙", "The lane is busy", "请稍候", "please wait")
FIRE_ALARM = Refusal("fire alarm", "火警", "Fire alarm", "请尽快驶离", "please leave")
IN_DOUBT = Refusal("earlier debit unresolved", "上次扣费待核实", "An earlier debit is unresolved")
LEDGER = Refusal("ledger cannot write", "设备故障", "Out of service")

NAMELESS = (REMOVED, UNREADABLE, NO_PLATE)
"""Refusals of tags that do not tell which vehicle it is: a removed tag may lie in any."""


def unfit(read: TagRead, today: date | None) -> Refusal | None:
    """The first reason why this tag is not to be dealt with at all, None if there is none.

    `today` is None while the clock is not trusted: then no date is held against anybody.
    """
    tag, card, vehicle = read.tag, read.card, read.vehicle
    flags = (
        (tag.removed, REMOVED),
        (tag.locked, LOCKED),
        (not tag.has_card, NO_CARD),
        (tag.card_error, CARD_ERROR),
    )
    for wrong, refusal in flags:
        if wrong:
            return refusal
    if card is None or vehicle is None:
        return UNREADABLE
    return _contents(tag, card, vehicle, today)


def _contents(tag: Tag, card: Card, vehicle: Vehicle, today: date | None) -> Refusal | None:
    if not vehicle.plate.strip() or not vehicle.plate.isprintable():
        return NO_PLATE  # bytes that are no GBK come as surrogates, and vehicles without a plate would share a stay
    dates = today and (
        _dates(tag.issued, tag.expires, today, TAG_NOT_STARTED, TAG_EXPIRED)
        or _dates(card.starts, card.expires, today, CARD_NOT_STARTED, CARD_EXPIRED)
    )
    return dates or _identity(tag, card, vehicle) or (LISTED if card.listed else None)


def _dates(first: date | None, last: date | None, today: date, early: Refusal, late: Refusal) -> Refusal | None:
    """A date that no calendar knows is no validity."""
    if first is None or today < first:
        return early
    return late if last is None or today > last else None


def _identity(tag: Tag, card: Card, vehicle: Vehicle) -> Refusal | None:
    """Issuer by its first 4 bytes, unless the card names none (LIPKU, rsu-protocol 11.3); plate unless empty."""
    if int(card.issuer, 16) and card.issuer[:8] != tag.issuer[:8]:
        return ISSUER
    return PLATE if card.plate and card.plate != vehicle.plate else None


def undebitable(card: Card, fen: int, ceiling: int) -> Refusal | None:
    """Why this amount is not to be taken from this card, None if it may be.

    Only a stored-value card is limited by its balance; a credit card's is a counter (gbt20851 0 item 8).
    """
    if fen > ceiling:
        return CEILING
    if card.kind == STORED_VALUE and card.balance < fen:
        return BALANCE
    return None
