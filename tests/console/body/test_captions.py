"""A caption never costs a visitor: the model is theirs at once."""

import asyncio
from typing import cast

import pytest

from console.body.captions import caption
from console.engines.engine_set import EngineSet
from conversation.errors import ConversationError
from conversation.stages import Stage


class Model:
    """Fits the part of ChatModel that captions need."""

    def __init__(self, *, sees: bool = True, says: str | Exception = "A  boy\nin a hat.", takes_s: float = 0.0) -> None:
        self._sees, self._says, self._takes_s = sees, says, takes_s
        self.calls: list[str] = []

    async def sees(self) -> bool:
        return self._sees

    async def describe(self, picture: bytes, mime: str) -> str:
        self.calls.append(f"describe {mime}")
        await asyncio.sleep(self._takes_s)
        if isinstance(self._says, Exception):
            raise self._says
        return self._says


class Booth:
    """Fits the part of EngineSet."""

    def __init__(self, model: Model | None) -> None:
        self.model, self.free, self.live = model, True, self

    def llm(self) -> Model | None:
        return self.model

    def idle(self) -> bool:
        return self.free


async def told(booth: Booth, within_s: float = 20.0) -> tuple[str, str]:
    return await caption(cast(EngineSet, booth), b"...", "image/png", within_s)


async def test_a_sentence_on_one_line() -> None:
    model = Model()
    assert await told(Booth(model)) == ("A boy in a hat.", "")
    assert model.calls == ["describe image/png"]


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (None, "not free"),
        (Model(sees=False), "has no eyes"),
        (Model(says=""), "found no words"),
        (Model(says=ConversationError(Stage.THINKING, "llm broke off in the middle", "")), "broke off"),
    ],
)
async def test_why_there_is_none(model: Model | None, why: str) -> None:
    said, blind = await told(Booth(model))
    assert not said and why in blind


async def test_a_visitor_has_the_model_at_once() -> None:
    booth = Booth(model := Model(takes_s=60))
    loop = asyncio.get_running_loop()
    loop.call_later(0.1, setattr, booth, "free", False)
    began = loop.time()
    assert await told(booth) == ("", "a visitor came")
    assert loop.time() - began < 5 and model.calls == ["describe image/png"]
    assert await told(booth) == ("", "the model is not free")


async def test_one_that_ponders_is_left() -> None:
    assert await told(Booth(Model(takes_s=60)), 0.1) == ("", "the model took longer than 0.1 s")


async def test_a_visitor_in_the_very_moment_of_the_time_out() -> None:
    class Stubborn(Model):
        async def describe(self, picture: bytes, mime: str) -> str:
            try:
                return await super().describe(picture, mime)
            finally:
                booth.free = False
                await asyncio.sleep(0.2)  # it hangs up slowly

    booth = Booth(Stubborn(takes_s=60))
    assert (await told(booth, 0.1))[0] == ""
