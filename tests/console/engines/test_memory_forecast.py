"""What a swap is told of a card whose memory the driver keeps to itself."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.engines.memory_forecast import Forecaster
from launchers.memory.fit import Estimate
from profiles.home import Home
from supervisors.meters.readings import GpuReading


@pytest.mark.parametrize(
    ("total", "device", "fits", "said"),
    [
        (0, "gpu", True, "does not tell"),
        (0, "cpu", True, "fits beside"),
        (8_000_000_000, "gpu", False, "will not fit"),
    ],
)
def test_a_card_whose_memory_is_not_told_is_not_a_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int, device: str, fits: bool, said: str
) -> None:
    card = GpuReading(key="0", name="MIG 1g.10gb", total=total, used=total, free=0)
    pool = SimpleNamespace(device=card, free=0, total=total)
    meters: Any = SimpleNamespace(
        meter=SimpleNamespace(stale=False), accounting=SimpleNamespace(devices=[pool]), vram=lambda name: None
    )
    need = Estimate(ram_bytes=1000, peak_ram_bytes=1000, vram_bytes=10**9 if device == "gpu" else 0, source="formula")
    forecaster = Forecaster(Home(tmp_path), meters, lambda name: 0)
    monkeypatch.setattr(forecaster, "need", lambda launcher: need)
    engine: Any = SimpleNamespace(
        name="llm", model="big", settings=SimpleNamespace(device=device, port=0), needs_environment=lambda: False
    )
    found = forecaster.forecast(engine, engine)
    assert found.fits is fits and said in found.words
    assert not found.beside or device == "cpu"
