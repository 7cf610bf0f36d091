# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "anyio==4.16.0",
#   "certifi==2026.10.18",
#   "charset-normalizer==3.5.2",
#   "click==8.5.1",
#   "colorama==0.4.6 ; sys_platform == 'win32'",
#   "h11==0.16.0",
#   "idna==3.20",
#   "numpy==2.4.6 ; python_full_version < '3.12'",
#   "numpy==2.5.5 ; python_full_version >= '3.12'",
#   "platformdirs==4.14.7",
#   "python-multipart==0.0.34",
#   "pywhispercpp==1.5.1",
#   "requests==2.34.2",
#   "starlette==1.10.0",
#   "tqdm==4.70.1",
#   "typing-extensions==4.16.0 ; python_full_version < '3.15'",
#   "urllib3==2.8.0",
#   "uvicorn==0.54.0",
# ]
# ///
"""whisper.cpp in this process, behind the /inference API of its own whisper-server."""

import io
import os
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # `python -I` leaves the script's own folder out

from _serving import MAX_BODY, ServedModel, arguments, say, serve, while_connected
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

RATE = 16000
SHORTEST = int(1.1 * RATE)
"""whisper.cpp answers nothing below one second; shorter clips get silence after them."""
ENCODER_FRAMES = 1500
ERROR = 4
"""ggml's log level."""

Fields = dict[str, str]


class WhisperContext:
    """One whisper context. It is not thread-safe: the server's lock lets one request in at a time."""

    def __init__(self, path: str, threads: int) -> None:
        # Read by OpenMP as it is loaded. A thread that waits for a busy core must sleep soon, not spin: a third quicker
        # while others compute, and no slower alone.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        import _pywhispercpp as engine  # 0.1 s: after the port is open

        began = time.perf_counter()
        self._engine = engine
        self._threads = threads
        self._log: list[str] = []
        engine.whisper_log_set(self._listen)
        context = engine.whisper_context_default_params()
        self._context = engine.whisper_init_from_file_with_params(path, context)
        if self._trouble:  # the binding hides the null pointer, and the next call would be a segmentation fault
            verify = f"console.py models verify {Path(path).parent.name}"
            raise ValueError(f"whisper.cpp says {self._trouble[0]!r}; run: {verify}")
        self._multilingual = bool(engine.whisper_is_multilingual(self._context))
        backends = [line.split()[-2] for line in self._log if line.endswith(" backend")]
        self.transcribe(bytes(2 * SHORTEST), self.params({"audio_ctx": "512", "max_tokens": "1"}), lambda: False)
        took = time.perf_counter() - began
        where = backends[0] if backends else "CPU"
        say(f"whisper.cpp loaded {Path(path).name} in {took:.1f} s: {where}, {threads} threads")

    def _listen(self, level: int, line: str) -> None:
        """The engine's log is kept, not printed: each abort counts as an error there."""
        self._log.append(f"{level} {line.rstrip()}")
        del self._log[:-200]

    @property
    def _trouble(self) -> list[str]:
        return [line.split(": ", 1)[-1] for line in self._log if line.startswith(f"{ERROR} ")]

    def transcribe(self, pcm: bytes, params: Any, gone: Callable[[], bool]) -> str | None:
        """The text, one segment a line as whisper-server has it; None when the engine gave up or `gone` said so."""
        import numpy as np

        engine = self._engine
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0
        if samples.size < SHORTEST:
            samples = np.pad(samples, (0, SHORTEST - samples.size))
        # Looked at between the steps of a pass, so an abort costs about an encoder pass; small windows make it cheap.
        engine.assign_abort_callback(params, gone)
        self._log.clear()
        if engine.whisper_full(self._context, params, samples, samples.size) != 0:
            if not gone():
                say(f"whisper.cpp failed: {'; '.join(self._trouble)}")
            return None
        count = engine.whisper_full_n_segments(self._context)
        pieces = [engine.whisper_full_get_segment_text(self._context, i) for i in range(count)]
        texts = [piece.decode("utf-8", "replace") if isinstance(piece, bytes) else piece for piece in pieces]
        return "".join(f"{text}\n" for text in texts)

    def params(self, fields: Fields) -> Any:
        """Fresh parameters for each request, with whisper-server's defaults: nothing leaks into the next one."""
        engine = self._engine
        beam = number(fields, "beam_size", -1, -1, 8)
        kinds = engine.whisper_sampling_strategy
        params = engine.whisper_full_default_params(
            kinds.WHISPER_SAMPLING_BEAM_SEARCH if beam > 1 else kinds.WHISPER_SAMPLING_GREEDY
        )
        params.print_progress = params.print_timestamps = False
        params.n_threads = self._threads
        params.greedy = {"best_of": int(number(fields, "best_of", 2, 1, 8))}
        params.beam_search = {"beam_size": int(beam), "patience": -1.0}
        params.audio_ctx = int(number(fields, "audio_ctx", 0, 0, ENCODER_FRAMES))
        params.max_tokens = int(number(fields, "max_tokens", 0, 0, 448))  # not in whisper-server: there 0 is all
        params.max_len = int(number(fields, "max_len", 0, 0, 1000)) or 60
        params.temperature = number(fields, "temperature", 0.0, 0.0, 1.0)
        params.temperature_inc = number(fields, "temperature_inc", 0.2, 0.0, 1.0)
        params.no_timestamps = flag(fields, "no_timestamps")
        params.token_timestamps = flag(fields, "token_timestamps", not params.no_timestamps)
        params.suppress_nst = flag(fields, "suppress_nst", flag(fields, "suppress_non_speech"))
        params.translate = self._multilingual and flag(fields, "translate")
        params.language = fields.get("language", "en") if self._multilingual else "en"
        if params.language != "auto" and engine.whisper_lang_id(params.language) < 0:
            raise HTTPException(400, f"unknown language {fields['language']!r}; send a code such as en, or auto")
        params.initial_prompt = fields.get("prompt", "")
        return params


def number(fields: Fields, name: str, default: float, low: float, high: float) -> float:
    """A numeric field, or a 400 that names it."""
    given = fields.get(name)
    if given is None:
        return default
    try:
        value = float(given)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise HTTPException(400, f"{name} must be a number from {low:g} to {high:g}, not {given[:40]!r}")
    return value


def flag(fields: Fields, name: str, default: bool = False) -> bool:
    return fields[name].lower() in {"true", "1", "yes", "on"} if name in fields else default


def read_wav(data: bytes) -> bytes:
    """The samples of a 16 kHz mono s16 WAV, or a 400 that says what came instead."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            shape = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            pcm = file.readframes(file.getnframes())
    except (wave.Error, EOFError, RuntimeError):
        raise HTTPException(400, "the file is not a WAV; send 16 kHz mono 16-bit WAV") from None
    if shape != (RATE, 1, 2):
        raise HTTPException(
            400, f"the WAV has {shape[0]} Hz, {shape[1]} channels, {8 * shape[2]} bits; send 16 kHz mono 16-bit"
        )
    if len(pcm) < 2:
        raise HTTPException(400, "the WAV holds no samples; record again")
    return pcm[: len(pcm) // 2 * 2]


async def read_form(request: Request) -> tuple[bytes, Fields]:
    """The upload and the text fields of one request."""
    if int(request.headers.get("content-length") or 0) > MAX_BODY:
        raise HTTPException(413, f"the upload is over {MAX_BODY >> 20} MiB; send shorter audio")
    form: FormData = await request.form(max_part_size=MAX_BODY)
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        raise HTTPException(400, "no 'file' field in the request; send the WAV as multipart field 'file'")
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    return await upload.read(), fields


def routes(model: ServedModel[WhisperContext]) -> list[Route]:
    async def inference(request: Request) -> Response:
        whisper = model.get()
        data, fields = await read_form(request)
        pcm, params = read_wav(data), whisper.params(fields)
        began = [0.0]

        def work(gone: Callable[[], bool]) -> str | None:
            began[0] = time.perf_counter()
            return whisper.transcribe(pcm, params, gone)

        text = await while_connected(request, model.lock, work)
        if text is None:
            if await request.is_disconnected():
                return Response(status_code=499)
            raise HTTPException(500, "whisper.cpp gave up on this audio; its log says why")
        if fields.get("response_format") == "text":
            return PlainTextResponse(text)
        decode_ms = round(1000 * (time.perf_counter() - began[0]), 1)
        return JSONResponse({"text": text, "timings": {"decode_ms": decode_ms, "audio_s": len(pcm) / 2 / RATE}})

    return [Route("/inference", inference, methods=["POST"])]


def main() -> None:
    parser = arguments("whisper.cpp with whisper-server's /inference API")
    parser.add_argument("--model", required=True, help="a ggml file")
    args = parser.parse_args()
    model = ServedModel(lambda: WhisperContext(args.model, args.threads))
    serve(args, model, routes(model))


if __name__ == "__main__":
    main()
