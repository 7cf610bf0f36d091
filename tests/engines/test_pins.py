"""Each engine's pins: complete, hashed, the same in both places, and no address in them."""

import re

import pytest

from launchers.runtime.environments import ENGINES

ENGINE_NAMES = sorted(path.stem for path in ENGINES.glob("*.req"))


def test_every_engine_script_has_its_pins() -> None:
    assert sorted(path.stem for path in ENGINES.glob("[a-z]*.py")) == ENGINE_NAMES


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_pins_of_header_and_requirements_agree(engine: str) -> None:
    header = re.findall(r'^#   "(.+)",$', (ENGINES / f"{engine}.py").read_text(), re.MULTILINE)
    lines = (ENGINES / f"{engine}.req").read_text()
    assert "://" not in lines
    pins = [line.rstrip(" \\") for line in lines.splitlines() if not line.startswith(" ")]
    assert [pin.replace(" ", "") for pin in header] == [pin.replace(" ", "") for pin in pins]
    assert all("==" in pin for pin in pins)
    assert len(re.findall(r"==.*\\\n +--hash=sha256:[0-9a-f]{64}", lines)) == len(pins)
