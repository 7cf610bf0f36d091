# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "anyio==4.16.0",
#   "click==8.5.1",
#   "flatbuffers==25.12.19",
#   "h11==0.16.0",
#   "hibari-tts==0.2.1",
#   "idna==3.20",
#   "numpy==2.4.6 ; python_full_version < '3.12'",
#   "numpy==2.5.5 ; python_full_version >= '3.12'",
#   "onnxruntime==1.31.1",
#   "packaging==26.3",
#   "protobuf==7.36.2",
#   "starlette==1.10.0",
#   "typing-extensions==4.16.0 ; python_full_version < '3.15'",
#   "uvicorn==0.54.0",
# ]
# ///
"""The hibari voice behind POST /v1/audio/speech: small and quick, it stands by when the main voice is gone."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # `python -I` leaves the script's own folder out

from _serving import ServedModel, arguments, say, serve
from _speech import routes, warm


class HibariVoice:
    """The voice that the package carries, or another ONNX file of the same kind."""

    def __init__(self, path: str | None, threads: int) -> None:
        from hibari import Hibari

        began = time.perf_counter()
        self._voice = Hibari(model=path, threads=threads)
        self.rate = int(self._voice.sample_rate)
        warm(self)
        took = time.perf_counter() - began
        name = Path(path).name if path else "its own voice"
        say(f"hibari loaded {name} in {took:.1f} s: {self.rate} Hz, CPU, {threads} threads")

    def speak(self, text: str, speed: float) -> Iterator[object]:
        yield from self._voice.stream(text, speed)


def main() -> None:
    parser = arguments("the hibari voice with OpenAI's /v1/audio/speech API")
    parser.add_argument("--model", default=None, help="another ONNX file instead of the package's own")
    args = parser.parse_args()
    model = ServedModel(lambda: HibariVoice(args.model, args.threads))
    serve(args, model, routes(model))


if __name__ == "__main__":
    main()
