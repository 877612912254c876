"""`etclane check` of a site without mistakes: what is doubtful in its tariff, and what no lane applies yet."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app

MakeSite = Callable[[Path, list[dict[str, str]]], Path]
TARIFF = """\
id = "t"
version = "1"
name = "made up"
cycle = "24h"
[[classes]]
name = "all"
default = true
"""
HOURLY = 'steps = [{ unit = "1h", yuan = 5 }]\n'


@pytest.fixture
def lines(make_site: MakeSite, tmp_path: Path) -> Callable[[str], list[str]]:
    """What is said of a site with this tariff; the first line, that it is good, left out."""
    ports = {"antenna": "tcp://127.0.0.1:1", "barrier": "tcp://127.0.0.1:2"}
    site = make_site(tmp_path, [{"name": "out", "role": "exit", "dialect": "soulin", **ports}])
    site.write_text(re.sub("tariff = .*", 'tariff = "tariff.toml"', site.read_text()))

    def checked(tariff: str) -> list[str]:
        (tmp_path / "tariff.toml").write_text(TARIFF + tariff, encoding="utf-8")
        result = CliRunner().invoke(app, ["check", "-c", str(site)])
        assert (result.exit_code, result.stderr) == (0, "")
        first, *others = result.stdout.splitlines()
        assert first.startswith(f"{site}: 配置正确 / good: ")
        return others

    return checked


def not_passed_on(lines: list[str]) -> list[str]:
    begin = "  车道尚不传入: "
    return [line.removeprefix(begin) for line in lines if line.startswith(begin)]


def test_of_a_plain_tariff_nothing_more_is_said(lines: Callable[[str], list[str]]) -> None:
    assert lines(HOURLY) == []


def test_doubts_are_told_as_etclane_tariff_check_tells_them(
    lines: Callable[[str], list[str]], tmp_path: Path
) -> None:
    said = lines('steps = [{ unit = "1h", yuan = 500 }]\n[[discounts]]\nname = "half"\npercent = 0.5\n')
    assert said[0].startswith(f"{tmp_path}/tariff.toml: 2 处存疑 / doubts: t (1), all, ")
    assert said == CliRunner().invoke(app, ["tariff", "check", f"{tmp_path}/tariff.toml"]).stdout.splitlines()


@pytest.mark.parametrize(
    ("tariff", "said"),
    [
        (
            '[[permits]]\nkind = "m"\nname = "monthly"\n',
            "证件（[[permits]] 的免费时段） / a lane does not pass on yet: permits, for the time in [[permits]]",
        ),
        (
            f'[[classes]]\nname = "staff"\npermits = ["s"]\n{HOURLY}',
            "证件（收费类别 staff） / a lane does not pass on yet: permits, for the rows staff",
        ),
        (
            '[[discounts]]\nname = "guests"\npermits = ["g"]\nyuan = 1\n',
            "证件（优惠 guests） / a lane does not pass on yet: permits, for the discounts guests",
        ),
        (
            '[[discounts]]\nname = "charge"\ntime = "1h"\ncharging = true\n',
            "充电时长（优惠 charge） / a lane does not pass on yet: how long it charged, for the discounts charge",
        ),
        (
            '[prepaid]\nleave = "15min"\nlater = "anew"\n',
            "预付的时间（[prepaid]） / a lane does not pass on yet: when it was paid, for [prepaid]",
        ),
    ],
)
def test_what_a_lane_does_not_pass_on_is_told(tariff: str, said: str, lines: Callable[[str], list[str]]) -> None:
    assert not_passed_on(lines(HOURLY + tariff)) == [said]


def test_each_of_them_is_told_and_etc_and_colours_are_passed_on(lines: Callable[[str], list[str]]) -> None:
    others = '[[discounts]]\nname = "etc"\nchannel = "etc"\npercent = 5\n'
    others += '[[discounts]]\nname = "green"\nplate_colors = ["green"]\npercent = 5\n'
    assert not_passed_on(lines(HOURLY + others)) == []
    both = '[[permits]]\nkind = "m"\nname = "monthly"\n[prepaid]\nleave = "15min"\nlater = "anew"\n'
    assert len(not_passed_on(lines(HOURLY + others + both))) == 2


def test_lanes_in_commissioning_are_named(make_site: MakeSite, tmp_path: Path) -> None:
    ports = {"dialect": "soulin", "antenna": "tcp://127.0.0.1:1", "barrier": "tcp://127.0.0.1:2"}
    lanes = [{"name": name, "role": "exit", **ports} for name in ("out1", "out2", "out3")]
    site = make_site(tmp_path, lanes)
    for name in ("out1", "out3"):
        lane = f'name = "{name}"\n'
        site.write_text(site.read_text().replace(lane, f"{lane}commissioning = true\n"))
    said = CliRunner().invoke(app, ["check", "-c", str(site)]).stdout
    assert "  调试中，不扣费不开闸 / in commissioning, debits and opens nothing: out1, out3\n" in said
