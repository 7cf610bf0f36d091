"""Estimates against real engines: within 10 % before anything is learned, 3 % after, never short by the margin."""

from pathlib import Path

import pytest

from launchers.memory.learned import MeasuredProfiles
from profiles.home import Home
from tests.bench.estimates import Case, compare, is_here

pytestmark = [pytest.mark.engines, pytest.mark.slow]


@pytest.mark.parametrize(
    "case",
    [Case("llm", "llama_cpp", "smollm2-135m", 2048), Case("llm", "llama_cpp", "qwen-0.5b", 4096)],
    ids=lambda case: case.name,
)
def test_the_formula_and_what_was_learned_are_near(case: Case, tmp_path: Path) -> None:
    home = Home.from_environment()
    if not is_here(case, home):
        pytest.skip(f"{case.model} is not stored; run: make setup")
    outcome = compare(case, home, MeasuredProfiles(Home(tmp_path)))
    assert abs(outcome.unlearned_pct) <= 10
    assert abs(outcome.learned_pct) <= 3
    assert outcome.under <= outcome.margin
