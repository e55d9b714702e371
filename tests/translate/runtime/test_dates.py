"""COB_CURRENT_DATE, read as cobc reads it."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from slmcode_runtime import dates


@pytest.mark.parametrize(
    ("given", "date", "time"),
    [
        ("2024/02/29 12:34:56", "20240229", "123456.."),
        ("2024/02/29 12:34:56.78", "20240229", "12345678"),
        ("2024/02/29", "20240229", "........"),
        ("20240229101112", "20240229", "101112.."),
        ("2020/06/12 18:02:05.60+02:00", "20200612", "18020560"),
        ("24/02/29 1:2:3", "20240229", "........"),
        ("2024-02-29T10:11:12.345", "20240229", "........"),
        ("YYYY/01/02", f"{datetime.now().year}0102", "........"),
    ],
)
def test_the_clock_that_is_set(
    monkeypatch: pytest.MonkeyPatch, given: str, date: str, time: str
) -> None:
    monkeypatch.setenv("COB_CURRENT_DATE", given)
    assert dates.accept_date_yyyymmdd() == date
    assert dates.accept_date() == date[2:]
    assert re.fullmatch(time, dates.accept_time())


def test_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COB_CURRENT_DATE", "2024/02/29 12:34:56")
    assert dates.accept_day() == "24060"
    assert dates.accept_day_yyyyddd() == "2024060"
    assert dates.accept_day_of_week() == "4"


@pytest.mark.parametrize("given", ["", "xx", "2024/13/45"])
def test_what_is_no_date_is_now(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("COB_CURRENT_DATE", given)
    before = datetime.now()
    assert dates.accept_date_yyyymmdd() in (f"{before:%Y%m%d}", f"{datetime.now():%Y%m%d}")


def test_the_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COB_CURRENT_DATE", "2020/06/12 18:02:05.60-03:30")
    assert f"{dates.now():%z}" == "-0330"
