"""What may be wrong before the first line of ours runs: descriptors, variables, umask, encodings.

Imports only what Python has imported by itself: a broken module of any other name may lie on PYTHONPATH.
"""

import codecs
import os
import sys

_KEPT = frozenset(
    "PYTHONUTF8 PYTHONIOENCODING PYTHONCOERCECLOCALE PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE "
    "PYTHONHASHSEED PYTHONFAULTHANDLER PYTHONNOUSERSITE PYTHONMALLOC PYTHONASYNCIODEBUG PYTHONTRACEMALLOC "
    "PYTHONPROFILEIMPORTTIME".split()
)
"""Variables of Python that cannot change what runs. All others are for other programs of the operator's."""
_FOR_OWNER, _FOR_OTHERS = 0o077, 0o022
_PLACES = ("_DIR", "_HOME")
PLAIN = str.maketrans(
    {
        **dict.fromkeys("━─▔▁▂▀▄", "-"), **dict.fromkeys("│┃▌▐▏▎▍", "|"), **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
        **dict.fromkeys("█▉▊▋▅▆▇", "#"), "░": ".", "▒": ":", "▓": "%", "●": "*", "○": "o", "◌": "o", "◐": "~", "◉": "@",
        "◔": "o", "◕": "O", "■": "#", "▪": ".", "▲": "!", "✖": "X", "✗": "x", "×": "x", "✓": "v", "▶": ">", "·": "-",
        "…": ".", "→": ">", "←": "<", "↑": "^", "↓": "v", "⇧": "^", "›": ">",
        "↻": "r", "✂": "%", "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "é": "e",
        "µ": "u", "┄": ".", "‹": "<", "▃": "-",
    }
)  # fmt: skip
"""Stand-ins of the same width for letters that a terminal cannot show."""


def prepare() -> None:
    """Put right what can be, once at the start. Where only a new interpreter helps, this process becomes one."""
    os.umask(os.umask(_FOR_OWNER) & _FOR_OWNER | _FOR_OTHERS)
    for name in [name for name, value in os.environ.items() if name.startswith("XDG_") and name.endswith(_PLACES)]:
        if not os.path.isabs(os.environ[name]):
            del os.environ[name]  # to be ignored, says the XDG base directory specification
    closed = _fill_descriptors()
    variables = _cleaned(dict(os.environ))
    if (closed or variables != dict(os.environ)) and sys.executable:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], variables)
    speak_plainly()


def _fill_descriptors() -> bool:
    """Whether one of the first three was closed: the next socket would get its number, and what is printed with it."""
    closed = False
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            closed = True
    return closed


def _cleaned(variables: dict[str, str]) -> dict[str, str]:
    """Without other programs' settings of Python; names of files are always UTF-8, only our words are as asked for."""
    kept = {key: value for key, value in variables.items() if not key.startswith("PYTHON") or key in _KEPT}
    if sys.getfilesystemencoding() != "utf-8":
        kept["PYTHONUTF8"] = "1"
        kept.setdefault("PYTHONIOENCODING", sys.stdout.encoding if sys.stdout else "ascii")
    return kept


def speak_plainly() -> None:
    """What the other end's charset lacks gets a stand-in: a letter must not cost the line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="galactus")


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end].translate(PLAIN)
    return "".join(c if c.isascii() else "?" for c in letters), error.end


def words(text: str) -> str:
    """An argument that is meant as text: UTF-8, else what was most usual before it. Never raises."""
    try:
        raw = os.fsencode(text)
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def for_people(text: str) -> bytes:
    """The same for a writer that prints bytes."""
    return text.encode(sys.stdout.encoding or "utf-8", "galactus")


def for_stdout(json: bytes) -> str:
    """JSON that stays JSON in any charset."""
    if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8":
        return json.decode()
    return "".join(c if c.isascii() else _escaped(c) for c in json.decode())


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


codecs.register_error("galactus", _stand_in)
