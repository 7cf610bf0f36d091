# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "anyio==4.16.0",
#   "click==8.5.1",
#   "flatbuffers==25.12.19",
#   "h11==0.16.0",
#   "idna==3.20",
#   "numpy==2.4.6 ; python_full_version < '3.12'",
#   "numpy==2.5.5 ; python_full_version >= '3.12'",
#   "onnxruntime==1.31.1",
#   "packaging==26.3",
#   "pathvalidate==3.3.1",
#   "piper-tts==1.8.0",
#   "protobuf==7.36.2",
#   "starlette==1.10.0",
#   "typing-extensions==4.16.0 ; python_full_version < '3.15'",
#   "uvicorn==0.54.0",
# ]
# ///
"""A piper voice behind POST /v1/audio/speech; piper is GPL-3.0-or-later and therefore a process of its own."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # `python -I` leaves the script's own folder out

from _serving import ServedModel, arguments, say, serve
from _speech import routes, warm


class Piper:
    """One loaded voice, with its own number of ONNX threads (piper itself takes every core)."""

    def __init__(self, path: str, threads: int) -> None:
        import onnxruntime  # with numpy 0.4 s: after the port is open
        from piper import PiperConfig, PiperVoice

        began = time.perf_counter()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A spinning pool burns the core that the language model is decoding on.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        config = PiperConfig.from_dict(json.loads(Path(f"{path}.json").read_text(encoding="utf-8")))
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._voice = PiperVoice(config=config, session=session)
        self.rate = int(config.sample_rate)
        warm(self)
        took = time.perf_counter() - began
        say(f"piper loaded {Path(path).name} in {took:.1f} s: {self.rate} Hz, CPU, {threads} threads")

    def speak(self, text: str, speed: float) -> Iterator[object]:
        from piper import SynthesisConfig

        pace = SynthesisConfig(length_scale=self._voice.config.length_scale / speed)
        for chunk in self._voice.synthesize(text, pace):
            yield chunk.audio_float_array


def main() -> None:
    parser = arguments("a piper voice with OpenAI's /v1/audio/speech API")
    parser.add_argument("--model", required=True, help="FILE.onnx with FILE.onnx.json beside it")
    args = parser.parse_args()
    model = ServedModel(lambda: Piper(args.model, args.threads))
    serve(args, model, routes(model))


if __name__ == "__main__":
    main()
