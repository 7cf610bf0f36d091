"""A number that is read at arm's length, in the dark. Pure."""

_FONT = {
    "0": ("███", "█ █", "█ █", "█ █", "███"),
    "1": (" █ ", "██ ", " █ ", " █ ", "███"),
    "2": ("███", "  █", "███", "█  ", "███"),
    "3": ("███", "  █", "███", "  █", "███"),
    "4": ("█ █", "█ █", "███", "  █", "  █"),
    "5": ("███", "█  ", "███", "  █", "███"),
    "6": ("███", "█  ", "███", "█ █", "███"),
    "7": ("███", "  █", "  █", "  █", "  █"),
    "8": ("███", "█ █", "███", "█ █", "███"),
    "9": ("███", "█ █", "███", "  █", "███"),
    "-": ("   ", "   ", "███", "   ", "   "),
}
_HALVES = {"  ": " ", "█ ": "▀", " █": "▄", "██": "█"}


def big(text: str, rows: int) -> list[str]:
    """In five rows with room for them, else in three of half blocks, else as it is. Digits and "-" alone."""
    pixels = [" ".join(_FONT[sign][row] for sign in text) for row in range(5)]
    if rows >= 5:
        return ["".join(pixel * 2 for pixel in row) for row in pixels]
    if rows >= 3:
        pixels.append(" " * len(pixels[0]))
        pairs = zip(pixels[::2], pixels[1::2], strict=True)
        return ["".join(_HALVES[a + b] for a, b in zip(upper, lower, strict=True)) for upper, lower in pairs]
    return [text]
