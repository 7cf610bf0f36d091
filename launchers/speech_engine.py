"""What voices share: the speech protocol, and a canary that must sound."""

from collections.abc import Sequence

from clients.http import EngineClient as Client
from clients.speech import Speech
from conversation.ports import Message
from launchers.base import BaseLauncher
from launchers.context import LauncherContext
from profiles.errors import ProfileError
from profiles.schema import Character, Engine
from supervisors.errors import ServiceError

FORMS = ("pcm", "wav", "flac", "mp3", "opus")


class SpeechLauncher(BaseLauncher):
    endpoints = ("/v1/audio/speech", "/v1")
    options = {"model": "", "voice": "", "response_format": "pcm", "sample_rate": 0}
    """What an attached server wants to be asked for; our own have one voice each. sample_rate: Hz of its raw samples,
    where it does not say; 0 = 24000.
    """

    def __init__(self, name: str, settings: Engine, workshop: LauncherContext) -> None:
        super().__init__(name, settings, workshop)
        self._speed = 1.0
        self._left_out: set[str] = set()

    def check(self, file: str) -> None:
        super().check(file)
        at, asked, rate = (
            f"engines.{self.name}.options",
            self.option("response_format"),
            int(self.option("sample_rate")),
        )
        if asked not in FORMS:
            raise ProfileError(file, f"{at}.response_format", f'there is no "{asked}"', f"one of {', '.join(FORMS)}")
        if rate and not 4000 <= rate <= 384_000:
            raise ProfileError(file, f"{at}.sample_rate", "no voice has this rate", "4000 to 384000 Hz, such as 22050")

    def connect(self, base_url: str) -> Speech:
        model, voice, form = (str(self.option(key)) for key in ("model", "voice", "response_format"))
        client = Speech(self.name, base_url, model, voice, form, int(self.option("sample_rate")))
        client.left_out, client.tell = self._left_out, self.tell
        return self.introduced(client)

    def warm_with(self, messages: Sequence[Message], character: Character | None = None) -> None:
        self._speed = character.voice.speed if character is not None else 1.0

    async def try_out(self, client: Client) -> None:
        assert isinstance(client, Speech)
        loudest = 0
        async for _, pcm in client.speak("Hi.", self._speed):
            loudest = max(loudest, int(abs(pcm.astype("int32")).max(initial=0)))
        if loudest < 300:
            raise ServiceError(self.name, "it sent no sound for a test word", self.doubt)
