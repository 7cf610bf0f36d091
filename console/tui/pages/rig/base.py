"""What all actions of the rig page share: the show is told, its answer is taken, a refusal is said in words."""

from collections.abc import Awaitable, Callable
from time import localtime, strftime
from typing import Any, Protocol, cast

from textual.containers import Container

from console.api import commands as cmd
from console.api.body_status import BodyStatus
from console.api.client import NoShow
from console.api.command import A
from console.tui.client.screen_state import ScreenState
from console.tui.client.show_client import ShowClient
from console.tui.input.talk_button import TalkButton
from console.tui.pages.rig.view_model import Part, RigViewModel, why_not
from console.tui.widgets.questions import RigChoiceScreen


class Acting(Protocol):
    """What the page needs of its App."""

    steering: ShowClient
    talk_button: TalkButton
    keys_reported: bool
    """The terminal tells when a key is let go."""

    def do(self, work: Awaitable[Any]) -> None: ...

    def draw(self) -> None: ...


class RigBase(Container):
    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._picture = ScreenState()
        self.desk = RigViewModel()

    def show(self, picture: ScreenState) -> None:
        raise NotImplementedError

    def see_part(self, part: Part) -> None:
        raise NotImplementedError

    def redraw(self) -> None:
        """What the desk has is another; the picture is not."""
        self.show(self._picture)

    @property
    def acting(self) -> Acting:
        return cast(Acting, self.app)

    def say(self, word: str, ink: str = "warn") -> None:
        self.desk.word = word, ink
        self.redraw()

    def can(self, action: str) -> bool:
        """If not, it says why."""
        why = why_not(action, self.desk, self._picture)
        self.say(why)
        return not why

    def send(
        self, command: cmd.Command[A], take: Callable[[A], None] | None = None, *, kept: bool = False, say: str = ""
    ) -> None:
        """`say`: what is said when it was done. `kept`: what it asks for ends with this screen."""
        self.acting.do(self.sent(command, take, kept=kept, say=say))

    async def sent(
        self, command: cmd.Command[A], take: Callable[[A], None] | None = None, *, kept: bool = False, say: str = ""
    ) -> bool:
        """Whether the show did it."""
        steering = self.acting.steering
        try:
            answer = await (steering.keep(command) if kept else steering.send(command))
            if take is not None:
                take(answer)
        except cmd.CommandError as error:
            self.say(sentence(str(error)))
        except NoShow:
            self.say("The show did not take that; look at what matters.")
        else:
            if say:
                self.say(say, "good")
            return True
        return False

    def action_rig_estop(self) -> None:
        raise NotImplementedError

    def ask_for(self, question: str, rows: list[tuple[str, str]], now: str, then: Callable[[str | None], None]) -> None:
        """A small question, in front of which the stop still works."""
        self.app.push_screen(RigChoiceScreen(question, rows, now, self.action_rig_estop), then)

    def take_view(self, answer: BodyStatus) -> None:
        self.desk.view = answer
        self.redraw()

    def now(self) -> str:
        """Wall-clock time."""
        return strftime("%H:%M", localtime(self._picture.clock))


def sentence(words: str) -> str:
    words = words.rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."
