"""docs/lanes.md and what the README says of lanes are true: codes, words, orders, keys, limits, alarms."""

import json
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from drivers.barrier.session import OPEN_REMEMBERED
from drivers.reader import session
from gateway import site
from gateway.cli.main import app
from gateway.config import LaneOptions, load
from gateway.lane import arrival, checks, debit, loops, passage, sight
from gateway.lane.checks import Refusal
from gateway.lane.state import LaneRules
from gateway.ledger import stays
from gateway.ledger.entries import Body
from gateway.orders import Order
from gateway.uplink.formats.cloudevents import ORDER_PREFIX, OrderError, parse_order

ROOT = Path(__file__).parents[2]
RULES = LaneRules("lane", "exit", "reader", "barrier")
REFUSALS = [refusal for refusal in vars(checks).values() if isinstance(refusal, Refusal)]
SOURCES = [*(ROOT / "gateway" / "lane").glob("*.py"), ROOT / "gateway" / "site.py", ROOT / "gateway" / "audit.py"]
CODE = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
OUTCOMES = {passage.PASSED, passage.NOBODY, passage.BACK, passage.STUCK, passage.UNSEEN, "the gateway stopped"}
LIMITS = {
    "标签等地感和相机": RULES.identify,
    "确认的车牌等标签": RULES.tag_late,
    "一次读牌有效": sight.FADES,
    "未识别报警": arrival.UNKNOWN_AFTER,
    "视为倒车离开": loops.BACKED_OUT,
    "从杆下到 `beyond`": passage.BEYOND_WITHIN,
    "等缴费或人工": RULES.wait,
    "读签中断": session.READ_WITHIN,
    "B0 正常后再发一次开机指令": session.START_AGAIN,
    "等 B5": session.RESULT_WITHIN,
    "说过的 B5 再说不算新的": session.LATE_RESULT,
    "结果不明等标签": RULES.presence,
    "放行后标签静默": RULES.quiet,
    "不是本车的标签、太早的标签静默": arrival.FOLLOWER_AGAIN,
    "余额没变才算没扣": debit.STILL_COMING,
    "按车牌而车道忙或账本故障，再试": arrival.FOLLOWER_AGAIN,
    "抬杆后等车": RULES.pass_within,
    "离开地感到落杆": RULES.clear_after,
    "杆动作时间": RULES.arm_within,
    "已放行可再抬": RULES.again,
    "断线时抬杆指令保留": OPEN_REMEMBERED,
    "无法执行的同一指令再报": site.STRANGE_AGAIN,
}
"""Seconds, by the first words of their rows."""
ORDER_DATA = {
    "actor": "desk",
    "card": "1" * 20,
    "channel": "cash",
    "color": 0,
    "device": "rsu1",
    "fen": 1500,
    "first": "2026-12-01",
    "intent": "b-1",
    "kind": "monthly",
    "lane": "out1",
    "last": "2026-12-31",
    "mac": "0123456789abcdef",
    "made": True,
    "on": True,
    "payment": "p-1",
    "permit": "m-1",
    "plate": "测A12345",
    "random": "1122334455667788",
    "reason": "test",
    "refund": "r-1",
    "stay": "s-1",
    "until": "2026-12-07T10:05:00+08:00",
}


class Pages(NamedTuple):
    guide: str
    readme: str

    @property
    def orders(self) -> str:
        return self.readme.partition("### Orders of a platform")[2].partition("\n### ")[0]

    @property
    def keys(self) -> str:
        return self.readme.partition("| `[[lane]]` |")[2].partition("\n\n")[0]


PAGES = Pages(*((ROOT / name).read_text(encoding="utf-8") for name in ("docs/lanes.md", "README.md")))
Check = Callable[[Pages], object]


def rows(text: str, first: str) -> list[tuple[str, str]]:
    """The first two cells of each row of a table whose first cell looks so."""
    return re.findall(rf"^\| {first} \| ([^|]*) \|", text, re.MULTILINE)


def order(name: str, data: dict[str, object]) -> Order:
    """What an order of this name and data is taken for. Raises OrderError."""
    said = {"specversion": "1.0", "id": "1", "source": "/p", "type": ORDER_PREFIX + name, "data": data}
    return parse_order(json.dumps(said).encode())


def known_orders() -> set[str]:
    with pytest.raises(OrderError) as told:
        order("none", {})
    return set(str(told.value).partition(" and ")[2].partition(": not")[0].split(", "))


def is_refused(name: str, data: dict[str, object]) -> bool:
    try:
        order(name, data)
    except OrderError:
        return True
    return False


# --- checks: what is in one and not in the other -----------------------------------------------------------------


def refusals(pages: Pages) -> object:
    """Each with its words, and what to do where that is not to call somebody."""
    usual = Refusal("", "", "")
    said = {
        (r.code, f"{r.zh} / {r.en}" if r.do_zh == usual.do_zh else f"{r.zh}，{r.do_zh} / {r.en}: {r.do_en}")
        for r in REFUSALS
    }
    table = pages.guide.partition("## 不放行")[2].partition("\n## ")[0]
    return said ^ set(rows(table, "`([^`]+)`"))


def kinds(pages: Pages) -> object:
    groups = "stay|passage|debit|payment|refund|lane|etc|arm|device"
    named = set(re.findall(rf"`((?:{groups})\.[a-z_]+)`", pages.guide))
    return named - known_orders() - {kind.KIND for kind in Body.__subclasses__()}


def alarms(pages: Pages) -> object:
    raised = set(re.findall(r'\bAlarm\(\s*"([^"]+)"', CODE))
    missing = {alarm for alarm in raised if f"`{alarm}`" not in pages.guide}
    return missing | (set(re.findall(r"`alarm` `([^`]+)`", pages.guide)) - raised)


def ends_of_passages(pages: Pages) -> object:
    (row,) = re.findall(r"^\| 过车结束 .*$", pages.guide, re.MULTILINE)
    told = OUTCOMES ^ (set(re.findall(r"`([^`]+)`", row)) - {"passage.ended", "presence", "arm.down"})
    return told | (set(re.findall(r"`passage\.ended` `([^`]+)`", pages.guide)) - OUTCOMES)


def ends_of_waiting(pages: Pages) -> object:
    ends = set(re.findall(r'\babandon\(s, [\w.]+, "([^"]+)"\)', CODE))
    return ends ^ set(re.findall(r"`passage\.abandoned` `([^`]+)`", pages.guide))


def limits(pages: Pages) -> object:
    table = dict(rows(pages.guide, "([^|/]+?) / [^|]+"))
    return {name for name, s in LIMITS.items() if not re.match(rf"{s:g} s\b", table.get(name, ""))}


def kept(pages: Pages) -> object:
    return {
        words for words in ("最近 {} 条", "The last {} stays") if words.format(stays.KEPT_CLOSED) not in pages.guide
    }


def orders(pages: Pages) -> object:
    """Each with its fields, those behind `optional` may be left out, and no other."""
    table = dict(rows(pages.orders, "`([a-z_.]+)`"))
    wrong = known_orders() ^ set(table)
    for name, cell in table.items():
        needed, _, optional = (re.findall(r"`(\w+)`", part) for part in cell.partition("optional"))
        data = {field: ORDER_DATA[field] for field in (*needed, *optional)}
        if is_refused(name, data) or {field.name for field in fields(order(name, data))} != set(data):
            wrong.add(name)
        for field in data:
            if is_refused(name, {key: data[key] for key in data if key != field}) is (field in optional):
                wrong.add(f"{name} {field}")
    return wrong


def keys(pages: Pages) -> object:
    """Each with its default, and between what it may be."""
    table = {
        name: (default, words)
        for name, default, words in re.findall(r"^\| `(\w+)` \| ([^|]*) \| (.*) \|$", pages.keys, re.MULTILINE)
    }
    wrong = set(table) ^ set(LaneOptions.model_fields)
    for name, field in LaneOptions.model_fields.items():
        default, words = table.get(name, ("", ""))
        if default.partition("；")[0].strip("`") != default_of(name):
            wrong.add(name)
        low = next(
            (
                m.gt + 1 if hasattr(m, "gt") else m.ge
                for m in field.metadata
                if hasattr(m, "gt") or hasattr(m, "ge")
            ),
            None,
        )
        high = next((m.le for m in field.metadata if hasattr(m, "le")), None)
        if low is not None and f"{low}–{high}" not in words:
            wrong.add(name)
    return wrong


def default_of(name: str) -> str:
    """As the table says it; what depends on the barrier, for a lane that has one."""
    field = LaneOptions.model_fields[name]
    if field.is_required():
        return "必填 required"
    if field.default is None:
        lane = LaneOptions(name="lane", role="exit", reader="reader", barrier="gate").rules(None, 0.0)
        default = getattr(lane, name.removesuffix("_fen"))
        return "无 none" if default is None else str(default)
    return str(field.default).lower() or "无 none"


def order_examples(pages: Pages) -> object:
    """They are orders, of a type that the table has."""
    examples = re.findall(r"^```json\n(.*?)^```$", pages.orders, re.DOTALL | re.MULTILINE)
    wrong = [
        text
        for text in examples
        if is_refused(json.loads(text)["type"].removeprefix(ORDER_PREFIX), json.loads(text)["data"])
    ]
    return wrong if len(examples) >= 3 else "no examples"


CHECKS: list[tuple[Check, str, str]] = [
    (refusals, "标签已过期 / Tag has expired", "标签过期 / Tag has expired"),
    (refusals, "| `card error` |", "| `card broken` |"),
    (kinds, "`stay.opened`", "`stay.begun`"),
    (alarms, "`the arm did not open`", "`the arm stays down`"),
    (ends_of_passages, "、`not seen`", ""),
    (ends_of_waiting, "`backed out`", "`went back`"),
    (limits, "| 15 s |", "| 12 s |"),
    (kept, "4096", "1024"),
    (orders, "`lane`, `actor`, `reason`, `until`", "`lane`, `actor`, `reason`"),
    (orders, "; optional 可选 `plate`, `color`", ", `plate`, `color`"),
    (orders, "| `card.list` |", "| `card.block` |"),
    (keys, "| `wait_seconds` | 300 |", "| `wait_seconds` | 200 |"),
    (keys, "5–600", "1–600"),
    (order_examples, '"until"', '"before"'),
]
"""Each with a change to a page that it must find."""


@pytest.mark.parametrize("check", dict.fromkeys(check for check, _, _ in CHECKS), ids=lambda check: check.__name__)
def test_the_pages_are_true(check: Check) -> None:
    assert not check(PAGES)


@pytest.mark.parametrize(("check", "old", "new"), CHECKS, ids=lambda part: getattr(part, "__name__", ""))
def test_a_page_that_is_not_true_is_found(check: Check, old: str, new: str) -> None:
    changed = Pages(*(page.replace(old, new) for page in PAGES))
    assert changed != PAGES
    assert check(changed)


def test_the_guides_lane_goes_into_a_site_and_is_checked(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```$", PAGES.guide, re.DOTALL | re.MULTILINE)
    demo = (ROOT / "config" / "demo" / "site.toml").read_text(encoding="utf-8").replace('"../', f'"{ROOT}/config/')
    own = re.compile(r'^\[\[lane\]\]\nname = "out1"\n.*?(?=^\[\[reader\]\])', re.DOTALL | re.MULTILINE)
    path = tmp_path / "site.toml"
    path.write_text(own.sub(lambda _: block, demo), encoding="utf-8")
    result = CliRunner().invoke(app, ["check", "-c", str(path)])
    assert result.exit_code == 0, result.output
    lane = load(path).rules.lanes["out1"]
    assert (lane.interlock, lane.ceiling, lane.wait, lane.stale) == ("in1", 20_000, 600.0, 60 * 86400.0)
