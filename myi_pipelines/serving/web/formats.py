"""Dates, times and numbers in the reader's language, at the listener's clock; and the English words around them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_interval, format_skeleton, format_time
from babel.numbers import format_compact_decimal, format_decimal, format_percent

MINUTE, HOUR = 60_000, 3_600_000
"""In milliseconds."""
FALLBACK = Locale("en", "GB")


@lru_cache(256)
def locale_of(accept_language: str) -> Locale:
    """The first language of an Accept-Language header that is known here. English as the world writes it if none is.

    >>> locale_of("xx, de-AT;q=0.8").language, locale_of("").territory
    ('de', 'GB')
    """
    for part in accept_language[:200].split(","):
        tag = part.split(";")[0].strip()
        if not tag or tag == "*":
            continue
        try:
            locale = Locale.parse(tag, sep="-")
        except (ValueError, UnknownLocaleError, TypeError):
            continue
        if locale.character_order == "left-to-right":
            return FALLBACK if str(locale) == "en" else locale
    return FALLBACK


class Formats:
    """How one reader reads numbers and days. Texts are kept: pages repeat them."""

    def __init__(self, locale: Locale, timezone: ZoneInfo, week_starts_on: int = 0) -> None:
        self.locale = locale
        self.timezone = timezone
        self.week_starts_on = week_starts_on

    def number(self, value: float) -> str:
        """A whole number with separators."""
        return _number(self.locale, round(value))

    def short(self, value: float, top: float = 0) -> str:
        """For an axis: 950, 12k. `top`: its highest value, by which all are written alike: 5k, 10k."""
        if max(abs(value), top) < 10_000:
            return self.number(value) if value == int(value) else format_decimal(value, locale=self.locale)
        return format_compact_decimal(value, locale=self.locale, fraction_digits=1)

    def percent(self, share: float) -> str:
        """A share of 1, in whole percent; below one percent with a digit more."""
        if 0 < share < 0.0005:
            return "< " + format_percent(0.001, "#,##0.0%", locale=self.locale)
        return format_percent(share, "#,##0.0%" if 0 < share < 0.0995 else "#,##0%", locale=self.locale)

    def counted(self, value: int, noun: str, plural: str | None = None) -> str:
        """A number with its noun: "1 play", "1,204 plays"."""
        return f"{self.number(value)} {self.noun(value, noun, plural)}"

    def noun(self, value: float, noun: str, plural: str | None = None) -> str:
        """What is counted, below its number."""
        return noun if value == 1 else plural or noun + "s"

    def plays(self, value: int) -> str:
        return self.counted(value, "play")

    def length(self, ms: int) -> str:
        """A stretch of time for a sentence: "412 hours", "3 h 20 min", "48 min", "12 s"."""
        if ms >= 100 * HOUR:
            return f"{self.number(ms / HOUR)} hours"
        minutes = round(ms / MINUTE)
        if minutes >= 60:
            return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
        if ms >= MINUTE:
            return f"{minutes} min"
        return f"{ms // 1000} s"

    def hours(self, ms: float, top: float = 0) -> str:
        """A length for an axis or a column: "30 min", "5 h", "1,340 h". `top`: the highest value of the axis."""
        minutes = round(ms / MINUTE)
        if minutes < 60:
            return f"{minutes} min"
        value = max(ms / HOUR, 1.0)
        return f"{self.short(round(value), top / HOUR) if value >= 10 or value == int(value) else round(value, 1)} h"

    def track_length(self, ms: int) -> str:
        """Minutes and seconds: "3:20"."""
        seconds = round(ms / 1000)
        if seconds >= 3600:
            return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"{seconds // 60}:{seconds % 60:02}"

    def day(self, day: date) -> str:
        """12 March 2025."""
        return _date(self.locale, day, "long")

    def full_day(self, day: date) -> str:
        """Wednesday, 12 March 2025."""
        return _date(self.locale, day, "full")

    def short_day(self, day: date) -> str:
        """12 Mar."""
        return _skeleton(self.locale, day, "MMMd")

    def day_and_year(self, day: date) -> str:
        """12 Mar 2025."""
        return _date(self.locale, day, "medium")

    def between(self, first: date, last: date) -> str:
        """3 – 9 Mar 2025; 28 Feb – 6 Mar 2025; 30 Dec 2024 – 5 Jan 2025."""
        return _interval(self.locale, first, last)

    def month(self, day: date) -> str:
        """March 2025."""
        return _skeleton(self.locale, day, "yMMMM")

    def short_month(self, day: date) -> str:
        """Mar 2025."""
        return _skeleton(self.locale, day, "yMMM")

    @property
    def months(self) -> list[str]:
        """The twelve short names."""
        names = self.locale.months["stand-alone"]["abbreviated"]
        return [names[number] for number in range(1, 13)]

    def weekday(self, weekday: int, width: str = "wide") -> str:
        """Monday is 0."""
        return str(self.locale.days["stand-alone"][width][weekday])

    @property
    def weekdays(self) -> list[int]:
        """In the listener's order."""
        return [(self.week_starts_on + offset) % 7 for offset in range(7)]

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.timezone)

    def time(self, moment: datetime) -> str:
        """14:03, at the listener's clock."""
        return format_time(moment, "short", tzinfo=self.timezone, locale=self.locale)

    def moment(self, moment: datetime) -> str:
        """12 Mar 2025, 14:03, at the listener's clock."""
        local = self.local(moment)
        return f"{self.day_and_year(local.date())}, {self.time(moment)}"

    def hour(self, hour: float) -> str:
        """An hour of the day: 18, or 6 pm where clocks have twelve."""
        return _hour(self.locale, int(hour))

    def hours_between(self, hour: int, last: int | None = None) -> str:
        """14:00 to 15:00, for the clock's exact values; with the last of several hours, 22:00 to 04:00."""
        end = hour if last is None else last
        return f"{_clock(self.locale, hour)} to {_clock(self.locale, (end + 1) % 24)}"

    def ago(self, day: date, today: date) -> str:
        """today, yesterday, 12 days ago, 3 months ago, 4 years ago."""
        days = (today - day).days
        if days <= 0:
            return "today"
        if days == 1:
            return "yesterday"
        if days < 60:
            return f"{days} days ago"
        years = today.year - day.year - ((today.month, today.day) < (day.month, day.day))
        return f"{years} years ago" if years > 1 else f"{round(days / 30.44)} months ago"

    def change(self, now: float, before: float) -> str:
        """12% more; half as much is 50% less; nothing before cannot be compared: empty."""
        return self._change(now, before, "much", "less")

    def change_in_number(self, now: float, before: float) -> str:
        """As `change`, of what is counted: 12% more, half as many is 50% fewer."""
        return self._change(now, before, "many", "fewer")

    def _change(self, now: float, before: float, much: str, less: str) -> str:
        if before <= 0:
            return ""
        share = now / before - 1
        if abs(share) < 0.005:
            return f"as {much} as"
        if share >= 2:
            return f"{self.short(round(now / before, 1))} times as {much} as"
        return f"{self.percent(abs(share))} {'more' if share > 0 else less} than"


@lru_cache(20_000)
def _number(locale: Locale, value: int) -> str:
    return format_decimal(value, locale=locale)


@lru_cache(20_000)
def _date(locale: Locale, day: date, form: str) -> str:
    return format_date(day, form, locale=locale)


@lru_cache(20_000)
def _skeleton(locale: Locale, day: date, skeleton: str) -> str:
    return format_skeleton(skeleton, datetime(day.year, day.month, day.day), locale=locale)  # noqa: DTZ001 (a day)


@lru_cache(2_000)
def _interval(locale: Locale, first: date, last: date) -> str:
    return str(format_interval(first, last, "yMMMd", locale=locale)).replace("\u2009", " ")


@lru_cache(200)
def _hour(locale: Locale, hour: int) -> str:
    short = str(locale.time_formats["short"])
    if "a" in short.replace("'", ""):
        return f"{(hour - 1) % 12 + 1} {'am' if hour < 12 else 'pm'}"
    return str(hour)


@lru_cache(200)
def _clock(locale: Locale, hour: int) -> str:
    moment = datetime(2000, 1, 1) + timedelta(hours=hour)  # noqa: DTZ001 (an hour of any day)
    return format_time(moment.time(), "short", locale=locale)
