"""How sentences and amounts of memory are written for people, everywhere the same."""


def capital(text: str) -> str:
    """`text` with a capital letter first."""
    return f"{text[:1].upper()}{text[1:]}"


def sentence(text: str) -> str:
    """`text` as one sentence: a capital letter first, one full stop last."""
    return f"{capital(text.rstrip('.'))}."


def amount(size: int) -> str:
    """Bytes in decimal units, as disks and models are sold: 1.9 GB, 178 MB."""
    return f"{size / 1e9:.1f} GB" if size >= 999_500_000 else f"{size / 1e6:.0f} MB"
