"""What voices share: the speech protocol, and a canary that must sound."""

from clients.http import Engine as Client
from clients.speech import Speech
from launchers.base import BaseLauncher
from supervisors.errors import ServiceError


class SpeechLauncher(BaseLauncher):
    options = {"model": "", "voice": ""}
    """What an attached server wants to be asked for; our own have one voice each."""

    def connect(self, base_url: str) -> Speech:
        return self.introduced(Speech(self.name, base_url, str(self.option("model")), str(self.option("voice"))))

    async def try_out(self, client: Client) -> None:
        assert isinstance(client, Speech)
        loudest = 0
        async for _, pcm in client.speak("Hi.", 1.0):
            loudest = max(loudest, int(abs(pcm.astype("int32")).max(initial=0)))
        if loudest < 300:
            raise ServiceError(self.name, "it sent no sound for a test word", "run: models verify")
