"""piper, the default voice. GPL-3.0-or-later, therefore a process of its own."""

from pathlib import Path

from launchers.speech_engine import SpeechLauncher


class Launcher(SpeechLauncher):
    script = "tts_piper"

    def script_arguments(self, weights: Path | None) -> tuple[str, ...]:
        return ("--model", str(weights), "--threads", self.threads(most=2))
