"""What has been let through to the voice so far, with its spaces in the right places."""

PAUSES = ",.;:!?…"


class SpokenTextBuffer:
    """Collects characters; `last` is the last visible one, `tail` the last few."""

    def __init__(self) -> None:
        self.last = self.tail = ""
        self.gap = False
        """A space is due before the next character."""
        self.lines = 0
        """Line ends since the last character."""
        self._cut = False
        self._out: list[str] = []

    def take(self) -> str:
        """What is new."""
        new, self._out = "".join(self._out), []
        return new

    def say(self, text: str) -> None:
        for char in text:
            if not self.last and char in PAUSES + "–—'’":
                continue  # a reply begins with a word
            if self.gap and self.last and not (self._cut and char in PAUSES):
                self._out.append(" ")
                self.tail += " "
            self.gap = self._cut = False
            self.lines = 0
            self._out.append(char)
            self.last = char
            self.tail = self.tail[-60:] + char

    def leave_out(self) -> None:
        """Something that is not said stood here: words stay apart, a comma does not."""
        self.gap = self._cut = True

    def pause(self, mark: str) -> None:
        """Between two lines that were apart, where nothing else makes the voice pause."""
        if self.lines >= 2 and self.last.isalnum():
            self.gap = False
            self.say(mark)
            self.gap = True
        self.lines = 0
