"""The intrinsic functions that need more than a Python expression; dates are in `dates`.

Numbers are exact; what cannot be is worked out to the 96 digits cobc has. An argument outside a
function's range gives 0, as in cobc.
"""

from __future__ import annotations

import decimal
import re
from datetime import date, datetime
from decimal import Decimal
from functools import cache

from .dates import now as _now
from .numbers import Number, divide, floating, power, scale_of, scaled, show_float, trimmed
from .texts import compare

_EXACT = decimal.Context(prec=130, Emax=999_999, Emin=-999_999)


def show_result(value: Number | float | str) -> str:
    """What DISPLAY prints of a numeric function: nine digits, or as many as it needs."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return show_float(value)
    number = trimmed(value)
    scale = max(scale_of(number), 0)
    units = scaled(number, scale)
    negative = units < 0
    bits = units.bit_length()
    if bits < 33 - negative and scale < 10:
        width = 9
        units = -(-units % 10**9) if negative else units % 10**9  # cobc shows no tenth digit
    elif bits < 65 - negative and scale < 19:
        width = 20
    else:
        width = max(int(bits * 0.30102999566398120) + 1, scale)
    text = f"{abs(units):0{width}d}"
    if scale:
        text = f"{text[:-scale]}.{text[-scale:]}"
    return "-" + text if negative else text


# Texts


def trim(text: str) -> str:
    """Without the spaces at both ends."""
    return text.strip(" ")


def stored_length(text: str) -> int:
    """STORED-CHAR-LENGTH: without the spaces at its end."""
    return len(text.rstrip(" "))


def substitute(text: str, *pairs: str) -> str:
    """SUBSTITUTE(text, old, new, …): the first `old` that stands at a place is replaced."""
    return _substituted(text, pairs, re.NOFLAG)


def substitute_case(text: str, *pairs: str) -> str:
    """SUBSTITUTE-CASE: the same whatever the case of letters."""
    return _substituted(text, pairs, re.IGNORECASE | re.ASCII)


def _substituted(text: str, pairs: tuple[str, ...], flags: re.RegexFlag) -> str:
    old, new = pairs[::2], pairs[1::2]
    pattern = "|".join(f"({re.escape(piece)})" for piece in old)
    return re.sub(pattern, lambda found: new[(found.lastindex or 1) - 1], text, flags=flags)


def char(ordinal: Number) -> str:
    """CHAR: the character at a place of the alphabet, counted from 1."""
    place = int(ordinal)
    return chr(place - 1) if 0 < place <= 256 else "\0"


def upper(text: str) -> str:
    """UPPER-CASE: letters of ASCII only."""
    return text.upper() if text.isascii() else text.translate(_UPPER)


def lower(text: str) -> str:
    """LOWER-CASE: letters of ASCII only."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


_UPPER = {place: place - 32 for place in range(ord("a"), ord("z") + 1)}
_LOWER = {place: place + 32 for place in range(ord("A"), ord("Z") + 1)}


# Numbers out of texts

_NUMVAL = re.compile(r" *([+-]?) *(\d*)(?:\.(\d*))? *([+-]|CR|DB)? *")
_NUMVAL_F = re.compile(r" *([+-]?) *(\d*)(?:\.(\d*))?(?: *E *([+-]\d+))? *([+-])? *", re.IGNORECASE)


def numval(text: str, comma: bool = False) -> Number:
    """NUMVAL: the number that a text shows; 0 where it is none."""
    if text.isascii() and text.isdigit():
        return int(text)
    written = text.strip(" \0")
    if comma:
        written = written.replace(",", ".")
    found = _NUMVAL.fullmatch(written)
    if found is None or (found[1] and found[4]):
        return 0
    negative = "-" in written
    if (found[4] or "").upper() in ("CR", "DB"):
        negative = text.endswith((" ", "\0"))  # cobc overlooks them at the very end
    return _number(found[2], found[3] or "", negative)


def _number(whole: str, fraction: str, negative: bool) -> Number:
    units = int(whole + fraction or "0")
    if negative:
        units = -units
    return trimmed(Decimal(units).scaleb(-len(fraction))) if fraction else units


def numval_c(text: str, currency: str = "$", comma: bool = False) -> Number:
    """NUMVAL-C: the same with a currency symbol and separators of groups."""
    point, separator = (",", ".") if comma else (".", ",")
    plain = _without_currency(text, currency.strip(" ") or "$", "").replace(separator, "")
    return numval(plain.replace(point, "."))


def _without_currency(text: str, currency: str, instead: str) -> str:
    """cobc knows the currency only before the digits."""
    before = re.match("[^0-9]*", text)
    end = before.end() if before else 0
    return text[:end].replace(currency, instead, 1) + text[end:]


def numval_f(text: str) -> Number:
    """NUMVAL-F: the same with an exponent, which has a sign."""
    found = _NUMVAL_F.fullmatch(text.strip(" \0"))
    if found is None or (found[5] and (found[1] or found[4])):
        return 0
    number = _number(found[2], found[3] or "", "-" in (found[1], found[5]))
    exponent = int(found[4] or 0)
    return trimmed(Decimal(number).scaleb(exponent)) if exponent else number


def check_numval(text: str, currency: str = "", exponent: bool = False) -> int:
    """TEST-NUMVAL, -C (with `currency`), -F (`exponent`): 0, or the place of the first fault."""
    pattern = _NUMVAL_F if exponent else _NUMVAL
    plain = _without_currency(text, currency, " ").replace(",", "") if currency else text
    found = pattern.fullmatch(plain)
    signs = (
        found is not None and found[5 if exponent else 4] and (found[1] or (exponent and found[4]))
    )
    if found and not signs and any(c.isdigit() for c in plain):
        return 0
    for place in range(1, len(text) + 1):
        if not _may_start(plain[:place], exponent):
            return place
    return len(text) + 1


def _may_start(text: str, exponent: bool) -> bool:
    end = r"(E *([+-]\d*)?)? *" if exponent else ""
    signed, unsigned = rf" *[+-] *\d*(\.\d*)? *{end}", r" *(\d+(\.\d*)?|\.\d*)"
    unsigned += rf" *({end}|[+-] *)" if exponent else " *([+-]|CR?|DB?)? *"
    form = f" *|{signed}|{unsigned}"
    return re.fullmatch(form, text, re.IGNORECASE) is not None


# Arithmetic


def integer(value: Number | float) -> int:
    """INTEGER: the greatest integer that is not greater."""
    if isinstance(value, int):
        return value
    cut = int(value)
    return cut - 1 if value < cut else cut


def fraction_part(value: Number) -> Number:
    return trimmed(value - int(value))


def sign(value: Number | float) -> int:
    return (value > 0) - (value < 0)


def modulo(dividend: Number, divisor: Number) -> Number:
    """MOD: has the sign of the divisor; 0 where that is 0."""
    if not divisor:
        return 0
    first, second = int(dividend), int(divisor)
    return first % second


def remainder(dividend: Number, divisor: Number) -> Number:
    """REM: has the sign of the dividend; 0 where the divisor is 0."""
    if not divisor:
        return 0
    return trimmed(dividend - divisor * int(divide(dividend, divisor)))


def factorial(value: Number) -> int:
    count = int(value)
    result = 1 if count >= 0 else 0
    for factor in range(2, count + 1):
        result *= factor
    return result


def mean(*values: Number) -> Number:
    return trimmed(divide(_sum(values), len(values)))


def _sum(values: tuple[Number, ...]) -> Number:
    total: Number = 0
    for value in values:
        total = total + value
    return total


def total(*values: Number) -> Number:
    """SUM."""
    return trimmed(_sum(values))


def median(*values: Number) -> Number:
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return trimmed(divide(ordered[middle - 1] + ordered[middle], 2))


def midrange(*values: Number) -> Number:
    return trimmed(divide(min(values) + max(values), 2))


def value_range(*values: Number) -> Number:
    """RANGE: from the least to the greatest."""
    return trimmed(max(values) - min(values))


def variance(*values: Number) -> Number:
    middle = divide(_sum(values), len(values))
    squares = tuple((value - middle) * (value - middle) for value in values)
    return trimmed(divide(_sum(squares), len(values)))


def standard_deviation(*values: Number) -> Number:
    return sqrt(variance(*values))


def ord_max(*values: Number | str) -> int:
    """The place of the first greatest argument."""
    return 1 + values.index(max(values))


def ord_min(*values: Number | str) -> int:
    return 1 + values.index(min(values))


def annuity(rate: Number, periods: Number) -> Number:
    if not rate:
        return trimmed(divide(1, periods))
    shrunk = power(1 + rate, -int(periods))
    return trimmed(divide(rate, 1 - shrunk))


def present_value(rate: Number, *amounts: Number) -> Number:
    worth: Number = 0
    growth: Number = 1
    for amount in amounts:
        growth = growth * (1 + rate)
        worth = worth + divide(amount, growth)
    return trimmed(worth)


# Functions of analysis


def sqrt(value: Number | float) -> Number:
    return floating(_EXACT.sqrt(Decimal(value))) if value > 0 else 0


def log(value: Number | float) -> Number:
    return floating(_EXACT.ln(Decimal(value))) if value > 0 else 0


def log10(value: Number | float) -> Number:
    return floating(_EXACT.log10(Decimal(value))) if value > 0 else 0


def exp(value: Number | float) -> Number:
    return floating(_EXACT.exp(Decimal(value)))


def exp10(value: Number) -> Number:
    return power(10, value)


def _series(argument: Decimal, first: Decimal, start: int, alternating: int) -> Decimal:
    """first * (1 ± x²/((n+1)(n+2)) …), the series of sine and cosine."""
    add, multiply, ratio = _EXACT.add, _EXACT.multiply, _EXACT.divide
    square = multiply(argument, argument)
    term, result, n = first, first, start
    while term and term.adjusted() > result.adjusted() - 132:
        term = ratio(multiply(term, square), Decimal((n + 1) * (n + 2)))
        term = term if alternating > 0 else -term
        result = add(result, term)
        n += 2
    return result


def _turned(value: Number | float) -> Decimal:
    """The angle between minus and plus half a turn."""
    turn = 2 * _pi()
    return _EXACT.remainder_near(Decimal(value), turn)


def sin(value: Number | float) -> Number:
    angle = _turned(value)
    return floating(_series(angle, angle, 1, -1))


def cos(value: Number | float) -> Number:
    return floating(_series(_turned(value), Decimal(1), 0, -1))


def tan(value: Number | float) -> Number:
    angle = _turned(value)
    below = _series(angle, Decimal(1), 0, -1)
    return floating(_EXACT.divide(_series(angle, angle, 1, -1), below)) if below else 0


def _arctangent(value: Decimal) -> Decimal:
    """Halved until the series is short: atan x = 2 atan(x / (1 + sqrt(1 + x²)))."""
    multiply, divided = _EXACT.multiply, _EXACT.divide
    halvings = 0
    while abs(value) > Decimal("0.05"):
        root = _EXACT.sqrt(_EXACT.add(Decimal(1), multiply(value, value)))
        value = divided(value, _EXACT.add(Decimal(1), root))
        halvings += 1
    square = multiply(value, value)
    power_of, result, n = value, value, 1
    while power_of and power_of.adjusted() > result.adjusted() - 132:
        power_of = -multiply(power_of, square)
        n += 2
        result = _EXACT.add(result, divided(power_of, Decimal(n)))
    return multiply(result, Decimal(2**halvings))


@cache
def _pi() -> Decimal:
    return _EXACT.multiply(Decimal(4), _arctangent(Decimal(1)))


def atan(value: Number | float) -> Number:
    return floating(_arctangent(Decimal(value)))


def asin(value: Number | float) -> Number:
    if not -1 <= value <= 1:
        return 0
    return floating(_arcsine(Decimal(value)))


def _arcsine(value: Decimal) -> Decimal:
    if abs(value) == 1:
        return _EXACT.multiply(value, _EXACT.divide(_pi(), Decimal(2)))
    rest = _EXACT.sqrt(_EXACT.subtract(Decimal(1), _EXACT.multiply(value, value)))
    return _arctangent(_EXACT.divide(value, rest))


def acos(value: Number | float) -> Number:
    if not -1 <= value <= 1:
        return 0
    half = _EXACT.divide(_pi(), Decimal(2))
    return floating(_EXACT.subtract(half, _arcsine(Decimal(value))))


def pi() -> Number:
    return floating(_pi())


def euler() -> Number:
    """E."""
    return exp(1)


# RANDOM: the numbers of the C library, so that a seed gives the same ones


class _Random:
    def __init__(self) -> None:
        self.state: list[int] = []

    def seed(self, seed: int) -> None:
        state = [seed or 1]
        for _ in range(30):
            state.append(16807 * state[-1] % 2147483647)
        for place in range(31, 34):
            state.append(state[place - 31])
        self.state = state[-31:]
        for _ in range(310):
            self.step()

    def step(self) -> int:
        state = self.state
        state.append((state[-3] + state[-31]) & 0xFFFF_FFFF)
        del state[0]
        return state[-1] >> 1


_random = _Random()


def random(seed: Number | None = None) -> float:
    """RANDOM: from 0 up to 1. The same numbers as cobc's for the same seed."""
    if seed is not None:
        _random.seed(int(seed))
    elif not _random.state:
        _random.seed(int(_now().timestamp()))
    return _random.step() / 2147483647


# Dates


def year_to_yyyy(year: Number, window: Number = 50, now: Number | None = None) -> int:
    """The year of two digits that lies in the hundred years up to `window` years ahead."""
    return _century(int(year), window, now) if 0 <= year <= 99 else 0


def _century(year: int, window: Number, now: Number | None) -> int:
    current = int(now if now is not None else _now().year)
    latest = current + int(window)
    if not 1601 <= current <= 9999 or not 1700 <= latest <= 9999:
        return 0
    full = latest // 100 * 100 + year
    return full if year <= latest % 100 else full - 100


def date_to_yyyymmdd(date: Number, window: Number = 50, now: Number | None = None) -> int:
    return _with_century(int(date), 10_000, window, now)


def day_to_yyyyddd(day: Number, window: Number = 50, now: Number | None = None) -> int:
    return _with_century(int(day), 1000, window, now)


def _with_century(date: int, unit: int, window: Number, now: Number | None) -> int:
    """What is below `unit` stays; both parts of a negative number are negative."""
    year, rest = divmod(abs(date), unit)
    if date < 0 and year:
        return 0
    full = _century(year, window, now)
    return full * unit + (-rest if date < 0 else rest) if full else 0


def combined_datetime(day: Number, second: Number) -> Number:
    if not 1 <= day <= _LAST_DAY or second > 86_400:
        return 0
    return trimmed(day + Decimal(second).scaleb(-5))


# Days are counted from 1600-12-31, so that 1601-01-01 is day 1

_BEFORE = datetime(1600, 12, 31).toordinal()
_LAST_DAY = 3_067_671  # 9999-12-31


def _date(number: Number) -> date | None:
    """The date YYYYMMDD, from 1601 on."""
    year, rest = divmod(int(number), 10_000)
    try:
        return date(year, rest // 100, rest % 100) if year > 1600 else None
    except ValueError:
        return None


def integer_of_date(number: Number) -> int:
    found = _date(number)
    return found.toordinal() - _BEFORE if found else 0


def _day(number: Number) -> date | None:
    """The date YYYYDDD."""
    year, day = divmod(int(number), 1000)
    if not 1600 < year < 10_000 or not 1 <= day <= 365 + _is_leap(year):
        return None
    return date.fromordinal(date(year, 1, 1).toordinal() + day - 1)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def integer_of_day(number: Number) -> int:
    found = _day(number)
    return found.toordinal() - _BEFORE if found else 0


def _of_integer(days: Number) -> date | None:
    return date.fromordinal(int(days) + _BEFORE) if 1 <= days <= _LAST_DAY else None


def date_of_integer(days: Number) -> int:
    """DATE-OF-INTEGER: YYYYMMDD."""
    found = _of_integer(days)
    return found.year * 10_000 + found.month * 100 + found.day if found else 0


def day_of_integer(days: Number) -> int:
    """DAY-OF-INTEGER: YYYYDDD."""
    found = _of_integer(days)
    return found.year * 1000 + found.timetuple().tm_yday if found else 0


def check_date(number: Number) -> int:
    """TEST-DATE-YYYYMMDD: 0, or which part is wrong: 1 year, 2 month, 3 day."""
    year, rest = divmod(int(number), 10_000)
    if not 1601 <= year <= 9999:
        return 1
    if not 1 <= rest // 100 <= 12:
        return 2
    return 0 if _date(number) else 3


def check_day(number: Number) -> int:
    """TEST-DAY-YYYYDDD: 0, or which part is wrong: 1 year, 2 day."""
    if not 1601 <= int(number) // 1000 <= 9999:
        return 1
    return 0 if _day(number) else 2


def current_date() -> str:
    """CURRENT-DATE: YYYYMMDDhhmmsscc+hhmm."""
    moment = _now()
    moment = moment if moment.tzinfo else moment.astimezone()
    return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 10_000:02d}{moment:%z}"


def seconds_past_midnight() -> int:
    moment = _now()
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def formatted_date(form: str, days: Number) -> str:
    """FORMATTED-DATE("YYYY-MM-DD", days) and the other five forms of ISO 8601."""
    found = _of_integer(days)
    if found is None:
        return " " * len(form.rstrip(" "))
    year, week, weekday = found.isocalendar()
    if "W" in form:
        parts = f"{year:04d}", f"W{week:02d}", f"{weekday}"
    elif "DDD" in form:
        parts = f"{found.year:04d}", f"{found.timetuple().tm_yday:03d}", ""
    else:
        parts = f"{found.year:04d}", f"{found.month:02d}", f"{found.day:02d}"
    return ("-" if "-" in form else "").join(part for part in parts if part)


def formatted_time(form: str, seconds: Number, offset: Number | None = None) -> str:
    """FORMATTED-TIME("hh:mm:ss", seconds, minutes ahead of UTC)."""
    form = form.rstrip(" ")
    behind = int(offset or 0)
    moment = Decimal(seconds)
    if not 0 <= moment <= 86_400 or abs(behind) > 1439:
        return " " * len(form)
    if form.endswith("Z"):
        moment = (moment - behind * 60) % 86_400
        moment += 86_400 * (moment < 0)
    whole = int(moment)
    colon = ":" if ":" in form else ""
    hours, rest = divmod(whole, 3600)
    out = f"{hours:02d}{colon}{rest // 60:02d}{colon}{rest % 60:02d}"
    mark = "," if "," in form else "."
    if mark in form:
        places = len(re.match(r"s*", form.partition(mark)[2])[0])  # type: ignore[index]
        out += mark + f"{int((moment - whole).scaleb(places)):0{places}d}"
    if form.endswith("Z"):
        return out + "Z"
    if "+" in form:
        hours, minutes = divmod(abs(behind), 60)
        out += f"{'-' if behind < 0 else '+'}{hours:02d}{colon}{minutes:02d}"
    return out


def formatted_datetime(
    form: str, days: Number, seconds: Number, offset: Number | None = None
) -> str:
    day, _, time = form.partition("T")
    if time.rstrip(" ").endswith("Z") and offset:
        moment = Decimal(seconds) - int(offset) * 60
        days = int(days) + int(moment // 86_400) - (moment < 0)
    if not 1 <= days <= _LAST_DAY or not 0 <= seconds <= 86_400 or abs(int(offset or 0)) > 1439:
        return " " * len(form.rstrip(" "))
    return f"{formatted_date(day, days)}T{formatted_time(time, seconds, offset)}"


def formatted_current_date(form: str) -> str:
    moment = _now().astimezone()
    offset = moment.utcoffset()
    minutes = int(offset.total_seconds()) // 60 if offset else 0
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    fraction = Decimal(moment.microsecond).scaleb(-6)
    return formatted_datetime(form, moment.toordinal() - _BEFORE, seconds + fraction, minutes)


_FIELDS = {
    "YYYY": r"(?P<year>\d{4})", "MM": r"(?P<month>\d\d)", "Www": r"W(?P<week>\d\d)",
    "DDD": r"(?P<day_of_year>\d{3})", "DD": r"(?P<day>\d\d)", "D": r"(?P<weekday>\d)",
    "hh": r"(?P<hour>\d\d)", "mm": r"(?P<minute>\d\d)", "ss": r"(?P<second>\d\d)",
}  # fmt: skip


def _parts(form: str, text: str) -> dict[str, int] | None:
    """The numbers that `text` has in the places of `form`."""
    form = form.rstrip(" ").split("+")[0].rstrip("Z")
    pattern = re.sub(
        "YYYY|MM|Www|DDD|DD|D|hh|mm|ss|[.,]s+|.",
        lambda found: (
            _FIELDS.get(found[0])
            or (rf"[.,](?P<fraction>\d{{{len(found[0]) - 1}}})" if found[0][0] in ".," else "")
            or re.escape(found[0])
        ),
        form,
    )
    found = re.match(pattern, text)
    return {name: int(value) for name, value in found.groupdict().items()} if found else None


def integer_of_formatted_date(form: str, text: str) -> int:
    parts = _parts(form.partition("T")[0], text)
    if parts is None:
        return 0
    year = parts["year"]
    try:
        if "week" in parts:
            found = date.fromisocalendar(year, parts["week"], parts["weekday"])
        elif "day_of_year" in parts:
            return integer_of_day(year * 1000 + parts["day_of_year"])
        else:
            found = date(year, parts["month"], parts["day"])
    except ValueError:
        return 0
    return max(found.toordinal() - _BEFORE, 0)


def seconds_from_formatted_time(form: str, text: str) -> Number:
    day, separator, time = form.rpartition("T")
    parts = _parts(time, text[len(day) + len(separator) :])
    if parts is None:
        return 0
    if parts["hour"] > 23 or parts["minute"] > 59 or parts["second"] > 59:
        return 0
    seconds = parts["hour"] * 3600 + parts["minute"] * 60 + parts["second"]
    if "fraction" not in parts:
        return seconds
    found = re.search("[.,](s+)", time)
    places = len(found[1]) if found else 0
    return trimmed(seconds + Decimal(parts["fraction"]).scaleb(-places))


_NO_LOCALE = " " * 10  # what cobc gives for a date or time that is none


def locale_date(text: str) -> str:
    """LOCALE-DATE in the C locale, where COBOL programs run by default: MM/DD/YY."""
    if not re.match("[0-9]{8}", text) or check_date(int(text[:8])):
        return _NO_LOCALE
    return f"{text[4:6]}/{text[6:8]}/{text[2:4]}"


def locale_time(text: str) -> str:
    if not re.match("([01][0-9]|2[0-4])([0-5][0-9]){2}", text):
        return _NO_LOCALE
    return f"{text[:2]}:{text[2:4]}:{text[4:6]}"


def locale_time_from_seconds(seconds: Number) -> str:
    return formatted_time("hh:mm:ss", seconds) if 0 <= seconds <= 86_400 else _NO_LOCALE


def locale_compare(left: str, right: str) -> str:
    """ "<", "=" or ">"."""
    order = compare(left, right)
    return "<" if order < 0 else ">" if order > 0 else "="
