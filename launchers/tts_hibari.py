"""hibari, a small fast voice that speaks when the default one is gone."""

from pathlib import Path

from launchers.speech_engine import SpeechLauncher


class Launcher(SpeechLauncher):
    script = "tts_hibari"

    def script_arguments(self, weights: Path | None) -> tuple[str, ...]:
        threads = ("--threads", self.threads(most=1))
        return (*threads, "--model", str(weights)) if weights else threads
