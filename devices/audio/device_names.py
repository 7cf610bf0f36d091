"""Which sound device a name means: exact before its beginning before a part; a monitor is no microphone."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

_SERVER_MONITOR = ".monitor"
"""How PulseAudio and PipeWire end the id of every monitor, in any language."""
_SERVER_INPUTS = ("alsa_input.", "bluez_input.", "bluez_source.", "alsa_loopback_input.")
_DUMMIES = ("auto_null", "auto_null.monitor")
"""What a sound server offers while there is no card."""
_DUMMY_NAMES = (
    "dummy output",
    "dummy-ausgabe",
    "sortie factice",
    "salida ficticia",
    "saída fictícia",
    "uscita fittizia",
)
_MONITOR = re.compile(
    r"""^(monitor|moniteur)\s(of|for|von|vom|der|des|de|du|del|della|di|do|da|van|för|av|af|pro|od|para)\b
    | ^(moniteur\sd['’]|монитор\s|монітор\s|övervakning\sav\s|overvågning\saf\s|モニター)
    | (\smonitor|\(monitor\)|[\s-]monitori|\smonitörü|のモニター|的监视器|的監視器|의\s?모니터)$
    | \.monitor$
    | \b(loopback|stereo\s?mix|stereomix|wave\sout\smix|what\s?u\s?hear|rec\.?\splayback)\b
    | mixage\sstéréo|mezcla\sestéreo|missaggio\sstereo|mixagem\sestéreo|стерео\s?микшер
    | 立体声混音|立體聲混音|ステレオ\s?ミキサー|스테레오\s?믹스
    | ^(blackhole|soundflower|ishowu|eqmac|background\smusic|zoomaudio)
    | \bvb-?(audio\s|cable)|^cable\soutput\b|^(microsoft\steams|teams)\saudio""",
    re.VERBOSE,
)
"""What hears a speaker, by its name in lower case; asked where no id tells."""


class DeviceEntry(Struct, frozen=True):
    """One of the devices that the operating system offers now."""

    name: str
    backend: str
    key: Any
    """miniaudio's id of it, or PortAudio's index."""
    default: bool
    id: str = ""
    """The backend's own name of it, the same after each start; "" where there is none."""

    @property
    def monitor(self) -> bool:
        """Whether it hears what a speaker of this machine plays, and no visitor."""
        if self.backend == "PulseAudio" and self.id.startswith(_SERVER_INPUTS):
            return self.id.endswith(_SERVER_MONITOR)
        return self.id.endswith(_SERVER_MONITOR) or bool(_MONITOR.search(_lower(self.name)))

    @property
    def dummy(self) -> bool:
        """Whether it only holds the place of a card that is missing."""
        return self.id in _DUMMIES or (not self.id and _lower(self.name) in _DUMMY_NAMES)


class Match(Struct, frozen=True):
    row: DeviceEntry
    label: str
    rank: int
    """0 exact .. 3 only its words."""


def labels(rows: Sequence[DeviceEntry]) -> list[str]:
    """A name for each that no other has: twins are numbered in the order of their ids, "USB PnP #2"."""
    seen = Counter(folded(row.name) for row in rows)
    numbered: Counter[str] = Counter()
    out = [row.name for row in rows]
    for index in sorted(range(len(rows)), key=lambda index: rows[index].id):
        name = folded(rows[index].name)
        if seen[name] > 1:
            numbered[name] += 1
            out[index] = f"{rows[index].name} #{numbered[name]}"
    return out


def match(kind: str, wanted: str, rows: Sequence[DeviceEntry]) -> Match | None:
    """The best of `rows` ("input" or "output") for a name, a part of one, or an id; the default among equals. A
    monitor only by all of its name.
    """
    found = [
        Match(row, label, rank)
        for row, label in zip(rows, labels(rows), strict=True)
        if (rank := _rank(wanted, row, label)) is not None and (rank == 0 or not hears_us(kind, row))
    ]
    return min(found, key=lambda m: (m.rank, hears_us(kind, m.row), not m.row.default, m.row.id), default=None)


def default(kind: str, rows: Sequence[DeviceEntry]) -> DeviceEntry | None:
    """The one to use when nothing is named: the default if it is a real one, else the first that is."""
    real = [row for row in rows if not hears_us(kind, row) and not row.dummy]
    return next((row for row in real if row.default), real[0] if real else None)


def hears_us(kind: str, row: DeviceEntry) -> bool:
    """Of an input that it is a monitor; a speaker may have that word in its name, a screen's for example."""
    return kind == "input" and row.monitor


def folded(name: str) -> str:
    """The same for all ways to write a name: case, accents apart or joined, spaces, dashes and quotes do not count."""
    kinds = {"Pd": "-", "Pi": "'", "Pf": "'", "Cf": "", "Zs": "", "Cc": ""}
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(kinds.get(unicodedata.category(sign), sign) for sign in text)


def _rank(wanted: str, row: DeviceEntry, label: str) -> int | None:
    sought, name = folded(wanted), folded(row.name)
    if not sought:
        return None
    if wanted == row.id or sought in (name, folded(label), folded(f"{row.name} #1") if label == row.name else name):
        return 0
    if name.startswith(sought):
        return 1
    if sought in name:
        return 2
    return 3 if all(folded(word) in name for word in wanted.split()) else None


def _lower(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
