"""`etclane demo`, as a newcomer runs it: exit code 0, and a summary that says why."""

import re
import subprocess
import sys
from pathlib import Path

ETCLANE = Path(sys.executable).with_name("etclane")


def test_the_demo_adds_up() -> None:
    done = subprocess.run([ETCLANE, "demo"], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    summary = done.stdout[done.stdout.index("演示结果") :]
    assert "✗" not in summary
    passages = re.search(r"过车 passages\s+(\d+)", summary)
    assert passages is not None
    assert int(passages[1]) >= 20
    money = re.findall(r"(?:卡片扣款|账本已结|平台收到)[^\d]+([\d.]+)", summary)
    assert len(money) == 3
    assert len(set(money)) == 1
