"""What the model that thinks sees in a picture, where it has eyes: a llama.cpp with a projector, or an Ollama model."""

import asyncio

from clients.chat import ChatModel
from console.engines.engine_set import EngineSet
from conversation.errors import ConversationError

_LOOK_S = 0.05


async def caption(engines: EngineSet, picture: bytes, mime: str, within_s: float) -> tuple[str, str]:
    """A sentence, else why there is none. A visitor who comes meanwhile has the model at once."""
    model = engines.live.llm()
    if model is None or not engines.idle():
        return _none("the model is not free")
    try:
        async with asyncio.timeout(within_s) as patience, asyncio.TaskGroup() as tasks:
            minding = tasks.create_task(_mind_visitors(engines, patience))
            answer = await _described(model, picture, mime)
            minding.cancel()
    except TimeoutError:
        return _none(f"the model took longer than {within_s:g} s" if engines.idle() else "a visitor came")
    return answer


async def _described(model: ChatModel, picture: bytes, mime: str) -> tuple[str, str]:
    """The picture takes the persona's place in the model's cache; the next press fills it again."""
    try:
        if not await model.sees():
            return _none("the model that thinks has no eyes")
        said = " ".join((await model.describe(picture, mime)).split())
    except ConversationError as error:
        return _none(str(error))
    return (said, "") if said else _none("the model found no words")


async def _mind_visitors(engines: EngineSet, patience: asyncio.Timeout) -> None:
    while engines.idle():
        await asyncio.sleep(_LOOK_S)
    if not patience.expired():
        patience.reschedule(asyncio.get_running_loop().time())


def _none(why: str) -> tuple[str, str]:
    return "", why
