"""Digits and symbols as words, so that every voice says them alike."""

import re
import unicodedata
from collections.abc import Callable

from num2words import num2words

_SYMBOLS = {
    "&": " and ", "+": " plus ", "=": " equals ", "@": " at ", "×": " times ", "÷": " divided by ", "<": " less than ",
    ">": " more than ", "°": " degrees ", "½": " one half ", "¼": " one quarter ", "¾": " three quarters ",
    "±": " plus or minus ", "%": " percent ", "/": " or ", "§": " section ", "©": " copyright ", "²": " squared ",
    "³": " cubed ",
}  # fmt: skip
_PUNCTUATION = frozenset(".,;:!?'\"’‘“”-–—…")
_CURRENCY = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny")}
_NUMBER = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?"
_PARTS = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 6: "sixth", 8: "eighth", 10: "tenth"}
_MARKUP = re.compile(
    r"<[^<>\n]{0,80}>|(?<!\*)\*(?!\*)[^*\n]+\*(?!\*)|^\s*[(\[]?[:;=8xX]['^-]?[()DPpOo\[\]/|]+\s*$|:[a-z][a-z0-9_+-]*:"
)
_LONGEST_QUANTITY = 15
"""Digits; more are a serial number, said one by one."""


def spoken(text: str) -> str:
    """`text` with numbers, money, times and symbols spelled out; every other word is left alone, and what no voice
    can say vanishes.
    """
    for pattern, say in _RULES:
        text = pattern.sub(say, text)
    for symbol, word in _SYMBOLS.items():
        text = text.replace(symbol, word)
    text = "".join(map(_sayable, text))
    return re.sub(r"\s{2,}", " ", re.sub(r"\s+([,.;:!?])", r"\1", text)).strip()


def has_words(text: str) -> bool:
    """Whether a voice finds anything to say in it, beside markup, faces and stage directions."""
    return any(char.isalpha() for char in spoken(_MARKUP.sub(" ", text)))


def _sayable(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Cf", "Mn", "Mc", "Me", "Cs"):  # accents stay with their letters, invisible marks go
        return char if category in ("Mn", "Mc") and not "\ufe00" <= char <= "\ufe0f" else ""
    return char if category[0] == "L" or char in _PUNCTUATION else " "


def _words(number: str, kind: str = "cardinal") -> str:
    whole, _, part = number.replace(",", "").partition(".")
    if len(whole) > _LONGEST_QUANTITY or (len(whole) > 1 and int(whole[0]) == 0):
        said = _digits(whole)
    else:
        said = str(num2words(int(whole), to=kind)).replace(",", "")
    return f"{said} point {_digits(part)}" if part else said


def _digits(number: str) -> str:
    return " ".join(str(num2words(int(digit))) for digit in number if digit.isdecimal())


def _money(match: re.Match[str]) -> str:
    whole, part = _CURRENCY[match["sign"]]
    units, _, cents = match["sum"].replace(",", "").partition(".")
    many = f" {match['many']}" if match["many"] else ""
    if many or (cents and len(cents) != 2):
        return f"{_words(match['sum'])}{many} {whole}s"
    said = f"{_words(units)} {_plural(whole, units)}"
    if not cents or not cents.strip("0"):
        return said
    change = f"{_words(cents.lstrip('0'))} {_plural(part, cents)}"
    return f"{said} and {change}" if units.strip("0") else change


def _plural(noun: str, count: str) -> str:
    if count.lstrip("0") == "1":
        return noun
    return "pence" if noun == "penny" else noun + "s"


def _clock(match: re.Match[str]) -> str:
    hour, minute, half = _words(str(int(match[1]))), int(match[2]), match[3] or ""
    if minute == 0:
        return f"{hour}{half}" if half else f"{hour} o'clock"
    return f"{hour} {'oh ' if minute < 10 else ''}{_words(str(minute))}{half}"


def _year_or_number(match: re.Match[str]) -> str:
    return _words(match[0], "year") if 1100 <= int(match[0]) <= 2099 else _words(match[0])


def _decade(match: re.Match[str]) -> str:
    said = _words(match[1], "year" if len(match[1]) == 4 else "cardinal")
    return said[:-1] + "ies" if said.endswith("y") else said + "s"


def _fraction(match: re.Match[str]) -> str:
    above, below = int(match[1]), int(match[2])
    if below not in _PARTS or not 0 < above < below:
        return f"{_words(match[1])} over {_words(match[2])}"
    part = _PARTS[below]
    return f"{_words(match[1])} {part if above == 1 else part + 's'}"


def _rule(pattern: str, say: Callable[[re.Match[str]], str]) -> tuple[re.Pattern[str], Callable[[re.Match[str]], str]]:
    return re.compile(pattern), say


_MANY = r"(?:\s(?P<many>hundred|thousand|million|billion|trillion)\b)?"
_PHONE = r"(?<![\w-])(?:\+?\d{1,2}[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])?\d{3}[.-]\d{4}(?![\w-])"
_RULES = (
    _rule("−", lambda m: "-"),
    _rule(r"(?i)\band/or\b", lambda m: "and or"),
    _rule(r"\b24\s?/\s?7\b", lambda m: "twenty-four seven"),
    _rule(_PHONE, lambda m: _digits(m[0])),
    _rule(r"(?<![\w.,-])-(?=[$€£]?\d)", lambda m: "minus "),
    _rule(rf"(?P<sign>[$€£])\s?(?P<sum>{_NUMBER}){_MANY}", _money),
    _rule(rf"(?<!\d)(?P<sum>{_NUMBER}){_MANY}\s?(?P<sign>[€£])", _money),
    _rule(r"\b([01]?\d|2[0-3]):([0-5]\d)\b(?!:)( ?[AaPp]\.?[Mm]\b)?", _clock),
    _rule(r"\b(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)\b", lambda m: _words(m[1], "ordinal")),
    _rule(r"\b(1[1-9]\d0|20\d0|[2-9]0)['’]?s\b", _decade),
    _rule(r"#\s?(?=\d)|\b[Nn]o\. ?(?=\d)", lambda m: "number "),
    _rule(rf"(?<!\d)({_NUMBER})\s*%", lambda m: f"{_words(m[1])} percent"),
    _rule(r"°\s?C\b", lambda m: " degrees Celsius"),
    _rule(r"°\s?F\b", lambda m: " degrees Fahrenheit"),
    _rule(r"(\d)\s*[-–]\s*(?=\d)", lambda m: f"{m[1]} to "),
    _rule(r"(?<![\d/])(\d{1,4})\s?/\s?(\d{1,4})(?![\d/])", _fraction),
    _rule(r"(?<=\d)/(?=\d)", lambda m: " "),
    _rule(r"(\d)\s*[*x×]\s*(?=\d)", lambda m: f"{m[1]} times "),
    _rule(r"(?<=\d)\.(?=\d+\.\d)|(?<=\.\d)\.(?=\d)", lambda m: " point "),
    _rule(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])", lambda m: " "),
    _rule(r"(?<![\d,.])\d{4}(?!\d|[,.]\d)", _year_or_number),
    _rule(_NUMBER, lambda m: _words(m[0])),
)
