"""The clock, as programs of cobc read it: COB_CURRENT_DATE sets it, whole or in part."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta, timezone

_PARTS = re.compile(
    r"\D*?(?P<year>\d{4}|\d{2}|Y+)?[/-]?(?P<month>\d{2}|M+)?[/-]?(?P<day>\d{2}|D+)?"
    r"(?: *(?P<hour>\d{2}|H+)[:-]?(?P<minute>\d{2}|M+)?[:-]?(?P<second>\d{2}|S+)?"
    r"(?:[.:](?P<fraction>\d{1,9}))?)?(?P<zone>Z|[+-]\d{2}:?\d{2})?"
)


def now() -> datetime:
    """This moment in local time, or what COB_CURRENT_DATE says: "2024/02/29 12:34:56.78".

    Parts that it leaves out, or has letters for ("YYYY/12/24"), are those of this moment.
    """
    moment = datetime.now().astimezone()
    given = os.environ.get("COB_CURRENT_DATE", "")
    found = _PARTS.match(given) if given else None
    if found is None:
        return moment
    parts = {name: int(text) for name, text in found.groupdict().items() if text and text.isdigit()}
    if "year" in parts and parts["year"] < 100:
        parts["year"] += 2000
    fraction = found["fraction"]
    parts.pop("fraction", None)
    if fraction:
        parts["microsecond"] = int(fraction.ljust(6, "0")[:6])
    if found["zone"]:
        moment = moment.replace(tzinfo=_zone(found["zone"]))
    try:
        return moment.replace(**parts)  # type: ignore[arg-type]
    except ValueError:
        return moment


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "")
    return timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))


def accept_date() -> str:
    """ACCEPT … FROM DATE: YYMMDD."""
    return f"{now():%y%m%d}"


def accept_date_yyyymmdd() -> str:
    return f"{now():%Y%m%d}"


def accept_day() -> str:
    """ACCEPT … FROM DAY: YYDDD."""
    return f"{now():%y%j}"


def accept_day_yyyyddd() -> str:
    return f"{now():%Y%j}"


def accept_day_of_week() -> str:
    """1 is Monday."""
    return str(now().isoweekday())


def accept_time() -> str:
    """ACCEPT … FROM TIME: HHMMSS and hundredths."""
    moment = now()
    return f"{moment:%H%M%S}{moment.microsecond // 10_000:02}"
