"""Digits and symbols as words, so that every voice says them alike."""

import re
from collections.abc import Callable

from num2words import num2words

_SYMBOLS = {
    "&": " and ", "+": " plus ", "=": " equals ", "@": " at ", "×": " times ", "÷": " divided by ", "<": " less than ",
    ">": " more than ", "°": " degrees ", "½": " one half ", "¼": " one quarter ", "¾": " three quarters ",
    "±": " plus or minus ", "%": " percent ", "/": " or ", "§": " section ", "©": " copyright ",
}  # fmt: skip
_CURRENCY = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny")}
_PLURALS = {"penny": "pence"}
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"


def spoken(text: str) -> str:
    """`text` with numbers, money, times and symbols spelled out; every other word is left alone."""
    for pattern, say in _RULES:
        text = re.sub(pattern, say, text)
    for symbol, word in _SYMBOLS.items():
        text = text.replace(symbol, word)
    text = re.sub(r"[$€£#]", " ", text)
    return re.sub(r"\s{2,}", " ", re.sub(r"\s+([,.;:!?])", r"\1", text)).strip()


def _words(number: str, kind: str = "cardinal") -> str:
    plain = number.replace(",", "")
    if len(plain.split(".")[0]) > 15:  # a serial number, not a quantity
        return " ".join(num2words(int(digit)) for digit in plain if digit.isdigit())
    value: int | float = float(plain) if "." in plain else int(plain)
    return str(num2words(value, to=kind)).replace(",", "")


def _money(match: re.Match[str]) -> str:
    whole, part = _CURRENCY[match[1]]
    units, _, cents = match[2].replace(",", "").partition(".")
    said = f"{_words(units)} {_plural(whole, int(units))}"
    if len(cents) == 2 and int(cents):
        said += f" and {_words(str(int(cents)))} {_plural(part, int(cents))}"
    elif cents and int(cents):
        said = f"{_words(match[2])} {_plural(whole, 2)}"
    return said


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else _PLURALS.get(noun, noun + "s")


def _clock(match: re.Match[str]) -> str:
    hour, minute = _words(str(int(match[1]))), int(match[2])
    if minute == 0:
        return f"{hour} o'clock"
    return f"{hour} {'oh ' if minute < 10 else ''}{_words(str(minute))}"


def _year_or_number(match: re.Match[str]) -> str:
    return _words(match[0], "year") if 1100 <= int(match[0]) <= 2099 else _words(match[0])


_RULES: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (rf"([$€£])({_NUMBER})", _money),
    (r"\b([01]?\d|2[0-3]):([0-5]\d)\b", _clock),
    (r"\b(\d+)(?:st|nd|rd|th)\b", lambda m: _words(m[1], "ordinal")),
    (r"#(\d+)", lambda m: f"number {_words(m[1])}"),
    (rf"({_NUMBER})\s*%", lambda m: f"{_words(m[1])} percent"),
    (r"(?<![\w.,-])-(\d)", lambda m: f"minus {m[1]}"),
    (r"(\d)\s*[-–]\s*(?=\d)", lambda m: f"{m[1]} to "),
    (r"(\d)\s*/\s*(?=\d)", lambda m: f"{m[1]} over "),
    (r"(\d)\s*[*x]\s*(?=\d)", lambda m: f"{m[1]} times "),
    (r"(?<![\d,.])\d{4}(?!\d|[,.]\d)", _year_or_number),
    (_NUMBER, lambda m: _words(m[0])),
)
