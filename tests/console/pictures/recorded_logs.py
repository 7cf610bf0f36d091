"""The logs of the recorded evening, as engines write them: colours, progress, floods, hostile words, a crash."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from supervisors.crash.crash_report import CrashReport, folder

_BEGAN = datetime.fromtimestamp(1_800_000_000, UTC)
_LOAD = "load_model: loading model file model.gguf"
_CUDA = "\x1b[31mCUDA error\x1b[0m: out of memory, cannot allocate 512 MiB for the KV cache at position 1184"
_FULL = "\x1b[33mW\x1b[0m slot update: the cache is \x1b[1m94 %\x1b[0m full; warning: the oldest words are shifted out"


def stamp(seconds: float) -> str:
    at = _BEGAN + timedelta(seconds=seconds)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _llm() -> list[tuple[float, str]]:
    rows = [(1.0, _LOAD), (1.2, "llama_model_loader: 291 tensors, 26 pairs of metadata, GGUF V3")]
    rows += [(1.5, "\r".join(f"loading tensors {n:>3} %" for n in range(0, 101, 10))), (1.9, "main: model loaded")]
    for turn in range(14):
        at, speed = 8 + turn * 9.0, f"\x1b[36m{31.2 - turn / 10:.1f} tokens per second\x1b[0m"
        rows.append(
            (at, f"slot launch: id 0 | task {turn} | processing task, n_ctx_slot = 2048, n_past = {120 + turn * 37}")
        )
        rows.append((at + 0.42, f"slot print_timing: prompt eval {140 + turn * 3} ms, {speed}"))
        if turn % 4 == 2:
            rows.append((at + 0.5, _FULL))
    return rows


def _tts() -> list[tuple[float, str]]:
    rows = [(1.1, "INFO piper: en_US-joe-medium, 22050 Hz"), (2.0, "INFO listening on 127.0.0.1")]
    rows += [(9 + turn * 9.0, f"INFO said {40 + turn * 7} characters in 0.{11 + turn} s") for turn in range(14)]
    rows += [(106.2 + n * 0.01, "WARNING onnxruntime: a kernel falls back to the processor") for n in range(412)]
    rows += [(66.0, "Traceback (most recent call last):"), (66.0, '  File "piper_server.py", line 88, in synthesize')]
    rows += [(66.001, "    raise RuntimeError(reason)"), (66.001, "RuntimeError: " + _CUDA)]
    rows += [(68.4, "[shim] killed by SIGSEGV after 66 s"), (70.3, "INFO piper: en_US-joe-medium, 22050 Hz")]
    return sorted(rows, key=lambda row: row[0])


def _stt() -> list[tuple[float, str]]:
    rows = [(1.05, "whisper_init: loading model ggml-tiny.en.bin"), (1.6, "whisper server listening")]
    rows += [(8 + n * 9.0 - 0.3, f"POST /inference 200 \x1b[32m0.{20 + n} s\x1b[0m audio_ctx 512") for n in range(14)]
    rows.append((103.0, "hostile \x1b[2J\x1b]0;owned\x07[bold red]markup[/] \x1b[5;5Hmoved \ufffd\ufffd"))
    return sorted(rows, key=lambda row: row[0])


def _show() -> list[tuple[float, str]]:
    rows = [(0.4, "INFO console.show.show: the show of the rig rehearsal begins")]
    return [*rows, (68.5, "WARNING supervisors: tts stopped: killed by SIGSEGV; it starts again by itself")]


def write_logs(run: Path) -> None:
    for name, rows in (("stt", _stt()), ("llm", _llm()), ("tts", _tts()), ("show", _show())):
        text = "".join(f"{stamp(at)} {said}\n" for at, said in rows)
        (run / f"{name}.log").write_text(text, encoding="utf-8")
    folder(run).mkdir(exist_ok=True)
    for number, report in enumerate(reports()):
        (folder(run) / f"{number}-{report.service}.json").write_bytes(msgspec.json.encode(report))


def reports() -> list[CrashReport]:
    tail = tuple(f"{stamp(at)} {said}" for at, said in _tts() if at < 68)
    error = tail[-1]
    first = CrashReport(
        service="tts", role="tts", wall=stamp(68.4), end="killed by SIGSEGV", signal=11, pid=4711, uptime_s=66.3,
        restarts=0, during="turn 6, SPEAKING", argv=("python", "-I", "piper_server.py", "--port", "41873"),
        env={"CUDA_VISIBLE_DEVICES": "0", "HF_TOKEN": "(redacted)"}, log="logs/tts.log", first_error=error,
        context=tail[-25:], tail=tail[-200:], memory=tuple((60.0 - n, (190 + (n * n) // 12) << 20) for n in range(60)),
        kernel="Out of memory: killed process 4711 (python) total-vm:2481236kB",
    )  # fmt: skip
    second = CrashReport(
        service="llm", role="llm", wall=stamp(101.2), end="no answer to 3 probes of /health in a row", pid=4801,
        uptime_s=7312.0, restarts=1, argv=("llama-server", "-m", "model.gguf"), log="logs/llm.log",
    )  # fmt: skip
    return [first, second]
