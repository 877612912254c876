"""What may be ordered of this gateway from outside: by a platform, and whoever else comes later."""

from dataclasses import dataclass

from drivers.ports import AuthorisePsam


@dataclass(frozen=True, slots=True)
class PauseEtc:
    """Take no money by tag in this lane until it is resumed (law 11); `actor` is who wants it."""

    lane: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResumeEtc:
    """Take money by tag in this lane again, whoever paused it."""

    lane: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """Somebody ordered something, and what is not to be made out; `why` in our words."""

    why: str


Order = AuthorisePsam | PauseEtc | ResumeEtc | NotUnderstood
