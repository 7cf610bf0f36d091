"""`make bench`: one bench that breaks or hangs costs its own figures alone."""

import sys

import pytest

from tests.bench import all_benches

GOOD = "print('a table'); print('{\"p50_ms\": 812.34, \"ratio_to_naive\": 0.3651}')"
BROKEN = "print('{\"p50_ms\": 1}'); raise SystemExit(3)"
WORDS = "print('no figures today')"
HANGS = "import time; print('{}', flush=True); time.sleep(600)"


def _command(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_the_figures_of_all_are_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    programs = {"turn": GOOD, "logs": BROKEN, "sync": WORDS, "console": GOOD}
    results = all_benches.run_all({name: _command(text) for name, text in programs.items()})
    assert results["turn"] == results["console"] == {"p50_ms": 812.34, "ratio_to_naive": 0.3651}
    assert results["failed"] == ["logs", "sync"] and set(results["seconds"]) == set(programs)
    said = capsys.readouterr()
    assert "a table" in said.out and "sync gave no figures" in said.err


def test_a_bench_that_hangs_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert all_benches.run("swap", _command(HANGS), limit_s=1.0) is None
    assert "swap gave no figures" in capsys.readouterr().err


def test_the_page_has_the_figures_that_there_are() -> None:
    page = "before\n<!-- figures of make bench -->\nold\n<!-- end -->\nafter\n"
    made = all_benches.page_with(page, {"turn": {"p50_ms": 812.34, "ratio_to_naive": 0.3651}}, "2026-12-01")
    assert "| 812 ms | `make bench-turn` |" in made and "| 0.365 | `make bench-turn` |" in made
    assert "old" not in made and "2026-12-01" in made and "bench-swap" not in made
    assert made.startswith("before\n") and made.endswith("<!-- end -->\nafter\n")


def test_the_page_has_its_place() -> None:
    assert all_benches.TABLE.search(all_benches.PAGE.read_text("utf-8"))
