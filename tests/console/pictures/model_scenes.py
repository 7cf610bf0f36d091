"""Models, meters and swaps as a show tells them: rows written by hand for scenes that no recording has."""

from typing import Any

Row = dict[str, Any]
M, G = 2**20, 2**30
PAUSE = "needs 640 MB more: the character is silent about 2 s, a filler covers it"


def card(name: str, role: str, title: str, size: int, **more: Any) -> Row:
    """Stored, and fits beside the one that is loaded."""
    plain: Row = {
        "id": name, "role": role, "title": title, "bytes": size, "licence": "Apache-2.0", "state": "stored",
        "service": role, "pinned": False, "need_ram": int(size * 1.3), "need_vram": 0, "source": "formula",
        "error_pct": None, "speed": None, "load_s": None, "free_ram": 22 * G, "free_vram": 0, "freed_ram": 628 * M,
        "freed_vram": 0, "beside": True, "fits": True, "words": "fits beside: no pause",
    }  # fmt: skip
    return plain | more


def loaded(service: str, **more: Any) -> Row:
    return {"state": "loaded", "service": service, "freed_ram": 0, "words": f"{service} has it now"} | more


TINY = card("whisper-tiny.en", "stt", "Whisper tiny.en", 77_704_715, licence="MIT", need_ram=171 * M,
            **loaded("stt", source="learned", error_pct=-2.1, speed=0.11, load_s=0.4))  # fmt: skip
BASE = card("whisper-base", "stt", "Whisper base", 147_951_465, licence="MIT", freed_ram=171 * M, state="absent")
SMALL = card("smollm2-135m", "llm", "SmolLM2 135M Instruct, Q4_1", 98_362_432,
             source="learned", error_pct=0.7, speed=131.2, load_s=0.6)  # fmt: skip
QWEN = card("qwen-0.5b", "llm", "Qwen2.5 Coder 0.5B Instruct, Q4_K_M", 491_400_064, need_ram=628 * M,
            **loaded("llm", source="learned", error_pct=0.4, speed=48.9, load_s=1.7))  # fmt: skip
BIG = card("qwen-1.5b", "llm", "Qwen2.5 Coder 1.5B Instruct, Q4_K_M", 1_117_320_768, need_ram=1484 * M,
           source="dry run", error_pct=1.2, speed=19.4, load_s=2.2, beside=False, words=PAUSE)  # fmt: skip
JOE = card("piper-joe", "tts", "Piper voice joe (en_US, medium)", 63_206_088, licence="CC0-1.0", need_ram=204 * M,
           **loaded("tts", source="learned", error_pct=3.0, speed=0.12, load_s=0.8, pinned=True))  # fmt: skip
HEART = card("hibari-heart", "tts", "Hibari voice heart", 7_936_868, need_ram=201 * M,
             **loaded("standby", source="learned", error_pct=-0.3, speed=0.31, load_s=1.1))  # fmt: skip
ODD = card("kokoro-82m", "tts", "Kokoro 82M", 86_000_000, state="partial", service="", beside=False, fits=False,
           words="no engine of this rig can use it")  # fmt: skip

CARDS = (TINY, BASE, QWEN, BIG, SMALL, JOE, HEART, ODD)
BUSY_CARDS = (TINY, BASE, QWEN | {"pinned": True}, BIG, SMALL | {"state": "fetching"}, JOE, HEART, ODD)
WONT = "qwen-1.5b will not fit: it needs 1.6 GB of RAM and 1.1 GB are free; smollm2-135m would fit"
NARROW_CARDS = (TINY, BASE, QWEN, BIG | {"beside": False, "fits": False, "words": WONT}, SMALL, JOE, HEART)
GPU_WONT = "qwen-7b will not fit: it needs 5.3 GB of VRAM and 3.9 GB are free; qwen-1.5b would fit"
GPU_CARDS = (
    TINY,
    BASE | {"need_vram": 410 * M, "need_ram": 190 * M},
    QWEN | {"need_vram": 780 * M, "need_ram": 420 * M},
    BIG | {"need_vram": 1700 * M, "need_ram": 510 * M, "freed_vram": 3100 * M, "beside": True,
           "words": "fits beside: no pause"},
    card("qwen-7b", "llm", "Qwen2.5 7B Instruct, Q4_K_M", 4_683_073_536, need_vram=5040 * M, need_ram=620 * M,
         state="absent", beside=False, fits=False, words=GPU_WONT, freed_vram=3100 * M),
    JOE,
    HEART,
)  # fmt: skip

SERVICES = {"stt": 171 * M, "llm": 628 * M, "tts": 204 * M, "standby": 201 * M}
CPU_ONLY: Row = {
    "telemetry": "memory", "key": "", "services": SERVICES, "show": 103 * M, "used": 9 * G, "total": int(15.6 * G),
    "available": int(6.6 * G), "cpu_pct": 41, "note": "No GPU was found: CPU mode.",
}  # fmt: skip
NARROW = CPU_ONLY | {
    "used": int(14.9 * G),
    "available": int(0.7 * G),
    "pressure": 12,
    "swap_in": 34 * M,
    "cpu_pct": 97,
}
CARD_8 = {
    "name": "NVIDIA GeForce RTX 4060", "total": 8 * G, "used": int(4.9 * G), "free": int(2.6 * G),
    "reserved": int(0.5 * G), "services": {"stt": 400 * M, "llm": 3100 * M}, "others": int(4.9 * G) - 3500 * M,
    "inferred": ["llm"], "load_pct": 83, "temp_c": 64, "power_w": 98,
}  # fmt: skip
GPU = CPU_ONLY | {"devices": [CARD_8], "note": "", "cpu_pct": 12}
GPU_FULL = GPU | {
    "pressure": 3, "devices": [CARD_8 | {"used": int(7.2 * G), "free": int(0.3 * G), "others": int(7.2 * G) - 3500 * M}]
}  # fmt: skip
GPUS_STALE = GPU | {
    "stale": True,
    "devices": [CARD_8, CARD_8 | {"name": "AMD Radeon PRO W7800", "stale": True, "services": {}, "others": 2 * G}],
}
GPU_ENGINES: tuple[Row, ...] = tuple(
    {"type": "ServiceChanged", "name": name, "role": role, "state": "READY", "model": model, "device": device,
     "pid": 4711}
    for name, role, model, device in (
        ("stt", "stt", "whisper-tiny.en", "gpu"), ("llm", "llm", "qwen-0.5b", "gpu"),
        ("tts", "tts", "piper-joe", "cpu"), ("standby", "tts", "hibari-heart", "cpu"),
    )
)  # fmt: skip
TEN_MINUTES: Row = {
    "telemetry": "history", "key": "", "ram": [-1] * 6 + [41] * 10 + [43, 47, 52, 58] + [58] * 40,
    "marks": [[17, "swap", "llm"], [43, "crash", "tts"]],
}  # fmt: skip
TEN_MINUTES_GPU = TEN_MINUTES | {"vram": [-1] * 6 + [12] * 12 + [35, 61, 66] + [67] * 20 + [93, 90] + [67] * 17}
FETCHING: Row = {
    "telemetry": "progress", "key": "model smollm2-135m", "what": "SmolLM2 135M Instruct, Q4_1", "unit": "bytes",
    "done": 61_000_000, "total": 98_362_432, "seconds_left": 12.4,
}  # fmt: skip
UNLOADED: Row = {"type": "ServiceChanged", "name": "standby", "role": "tts", "state": "STOPPED",
                 "model": "hibari-heart", "device": "cpu"}  # fmt: skip
SWAPPING: Row = {"type": "SwapPhase", "name": "llm", "model": "smollm2-135m", "phase": "loading"}
SWAPPED: Row = {
    "type": "SwapEnded", "name": "llm", "before": "qwen-0.5b", "model": "smollm2-135m", "swapped": True,
    "beside": False, "seconds": 2.1, "gone_ms": 1400, "overhead_ms": 90, "phases": {},
}  # fmt: skip
