"""How the command line shows things to people. Pure: values in, text out."""

import json
from dataclasses import asdict
from typing import Any

from gateway.ledger.entries import Entry
from gateway.ledger.store import Verdict
from gateway.tariff.quote import yuan


def as_json(value: object) -> bytes:
    """One line for programs."""
    # What a tag says may be no text; as it is written here it is the JSON escape of the same.
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")


def verdict(found: Verdict) -> str:
    """What `ledger verify` found."""
    head = f"{found.entries} 条 / entries, chains {' '.join(found.chains) or '-'}, head {found.head[:16]}"
    if not found.problems:
        return f"{head}: 完好 / clean"
    faults = [f"  {number}: {what}" for number, what in found.problems]
    return "\n".join([f"{head}: {len(found.problems)} 处错误 / problems", *faults])


def verdict_json(found: Verdict) -> dict[str, object]:
    """The same for programs."""
    return {**asdict(found), "clean": not found.problems}


def entry(said: Entry) -> str:
    """One entry on one line: number, time, lane, kind, body."""
    fields: dict[str, Any] = dict(said.fields)
    body = ", ".join(f"{key} {_short(value)}" for key, value in fields["body"].items() if value not in ("", None))
    doubt = "" if fields["trusted"] else " (时钟不可信 / clock not trusted)"
    return f"{said.number:>7} {fields['wall'][:19]} {fields['lane'] or '-':<8} {said.kind:<16} {body}{doubt}"


def _short(value: object) -> str:
    match value:
        case {"total": int(total), "tariff": {"id": str(tariff)}}:
            return f"{yuan(total)} by {tariff}"
        case dict():
            return " ".join(f"{key}={part}" for key, part in value.items())
        case _:
            return str(value)
