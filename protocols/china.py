"""The one civil time of China, which has known no summer time since 1991: all that is read and priced is in it."""

from datetime import datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8), "CST")
"""BCD times on every wire are in it (rsu-protocol 0), and so are the times of a price notice."""


def civil(text: str) -> datetime:
    """The moment that an ISO 8601 text with an offset names, in China's time; times of one zone compare quickly."""
    return datetime.fromisoformat(text).astimezone(CHINA)
