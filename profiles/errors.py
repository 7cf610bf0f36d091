"""The one error of profile files: it names the file, the key, and what to write instead."""


class ProfileError(Exception):
    """A rig, character or catalogue file that cannot be used.

    `str()` of it is the one plain line an operator reads.
    """

    def __init__(self, file: str, key: str, message: str, hint: str = "") -> None:
        self.file, self.key, self.message, self.hint = file, key, message, hint
        where = f"{file}: {key}: " if key else f"{file}: "
        super().__init__(where + message + (f"; {hint}" if hint else ""))
