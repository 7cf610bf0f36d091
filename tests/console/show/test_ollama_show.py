"""Whole shows whose mind is Ollama: a server of somebody else's, and one that we start."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.fakes.ollama_server import BYTES, REPLY
from tests.support.little_ollama import MODEL, LittleOllama
from tests.support.real_show import RealShow
from tests.support.scripted.home import scripted_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

RIG = 'extends = "quick"\n[engines.llm]\nengine = "ollama"\nbinary = "auto"\nmodel = "{model}"\n{more}\n'


def rig(folder: Path, model: str = MODEL, more: str = "") -> str:
    path = folder / "booth.toml"
    path.write_text(RIG.format(model=model, more=more))
    return str(path)


@pytest.fixture
def little(tmp_path: Path) -> LittleOllama:
    """One that runs, so that `with` is left to the tests."""
    return LittleOllama(tmp_path / "ollama")


@pytest.fixture
def shows(tmp_path: Path) -> Iterator[list[RealShow]]:
    made = list[RealShow]()
    yield made
    for show in made:
        show.end()


def answered(show: RealShow) -> None:
    """With the main voice, which may come after the show is READY with the stand-by."""
    deadline = time.monotonic() + 60
    while any(s["state"] != "READY" for s in show.call_now_status()["services"]):
        assert time.monotonic() < deadline, show.status()
        time.sleep(0.1)
    turn = show.ask("--text", "Who are you?")
    assert turn["outcome"] == "completed" and turn["reply"].startswith(REPLY[:20]), turn
    assert turn["llm"]["tokens_per_s"] and turn["audio"]["seconds"] > 1


def test_attached_it_pulls_answers_and_is_left_as_it_was(
    little: LittleOllama, shows: list[RealShow], tmp_path: Path
) -> None:
    with little:
        little.be(pull_s=1.0, gpu=1.0)
        more = f'launch = "attach"\nurl = "{little.url}"'
        show = RealShow(scripted_home(tmp_path / "home"), "--rig", rig(tmp_path, "ghost:3b", more))
        shows.append(show)
        show.start()
        fetched = [e for e in show.events() if e.get("telemetry") == "progress" and e["key"] == "llm"]
        assert fetched and fetched[-1]["what"] == "ghost:3b" and fetched[-1]["total"] >= BYTES, fetched
        answered(show)
        mind = show.service("llm")
        assert (mind["state"], mind["model"], mind["device"], mind["pid"]) == ("READY", "ghost:3b", "gpu", None)
        assert show.cli("stop").returncode == 0
        assert little.asked("/api/generate")[-1]["keep_alive"] == 0, "our model is gone from their server"
        assert little.process is not None and little.process.poll() is None
    show.wait_nothing_left()


def test_started_by_us_it_answers_and_nothing_is_left(
    little: LittleOllama, shows: list[RealShow], tmp_path: Path
) -> None:
    show = RealShow(scripted_home(tmp_path / "home"), "--rig", rig(tmp_path))
    show.environment |= little.environment
    shows.append(show)
    show.start()
    answered(show)
    mind = show.service("llm")
    assert mind["state"] == "READY" and mind["model"] == MODEL
    tree = psutil.Process(mind["pid"]).children()
    assert len(tree) == 1, "the runner of its model"
    assert show.cli("stop").returncode == 0
    show.wait_nothing_left()
    assert not tree[0].is_running()


def test_check_says_what_is_missing_and_what_mends_it(little: LittleOllama, tmp_path: Path) -> None:
    def rows(words: str) -> list[tuple[str, str, str]]:
        idle = RealShow(scripted_home(tmp_path / f"home{len(list(tmp_path.iterdir()))}"), "--rig", words)
        idle.environment |= little.environment
        found = json.loads(idle.cli("check", "--json", "--rig", words).stdout)["rows"]
        return [(r["state"], r["detail"], r["mend"]) for r in found if r["what"] == "llm"]

    assert rows(rig(tmp_path))[-1] == ("ok", f"model {MODEL} stored by Ollama", "")
    pulled = "start the show: it pulls the model then"
    assert rows(rig(tmp_path, "ghost:3b"))[-1] == ("missing", "model ghost:3b not pulled yet", pulled)
    gone = rows(rig(tmp_path, more='launch = "attach"\nurl = "http://127.0.0.1:9"'))
    assert gone == [("fault", "no Ollama answers at http://127.0.0.1:9", "OLLAMA_HOST=127.0.0.1:9 ollama serve")]
