"""Other rigs: engines that somebody else runs, and a machine without a network."""

from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.console.show.test_first_turn import recording
from tests.support.real_show import RealShow
from tests.support.scripted.home import scripted_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_attached_engines_are_used_and_never_stopped(quick: RealShow, tmp_path: Path) -> None:
    ports = {s["name"]: s["port"] for s in quick.status()["services"]}
    pids = {s["pid"] for s in quick.status()["services"]}
    key = quick.key_file  # without it they answer the show that started them alone
    rig = tmp_path / "guest.toml"
    rig.write_text(
        'title = "Guest"\n'
        + "".join(
            f'[engines.{role}]\nengine = "{engine}"\nlaunch = "attach"\nurl = "http://127.0.0.1:{ports[role]}"\n'
            f'api_key_file = "{key}"\n'
            for role, engine in (("stt", "whisper_cpp"), ("llm", "llama_cpp"), ("tts", "piper"))
        )
    )
    guest = RealShow(scripted_home(tmp_path / "guest-home"), "--rig", str(rig))
    try:
        guest.start()
        turn = guest.ask("--wav", str(recording("01_bm_george")))
        assert turn["outcome"] == "completed" and "skeleton" in turn["transcript"]
        assert all(s["pid"] is None and s["state"] == "READY" for s in guest.status()["services"])
        assert guest.cli("stop").returncode == 0
    finally:
        guest.end()
    assert all(psutil.pid_exists(pid) for pid in pids)
    assert {s["pid"] for s in quick.status()["services"]} == pids
    assert quick.ask("--text", "Are they gone?")["outcome"] == "completed"


def test_an_attached_engine_that_is_not_there_is_named(tmp_path: Path) -> None:
    rig = tmp_path / "lonely.toml"
    rig.write_text('extends = "quick"\n[engines.llm]\nlaunch = "attach"\nurl = "http://127.0.0.1:9"\n')
    lonely = RealShow(scripted_home(tmp_path / "home"), "--rig", str(rig))
    done = lonely.cli("ask", "--text", "Hello?", "--rig", str(rig), "--timeout", "15")
    assert done.returncode == 3 and "llm" in done.stderr and "Traceback" not in done.stderr, done
    lonely.wait_nothing_left()


def test_with_the_store_filled_no_network_is_needed(tmp_path: Path) -> None:
    show = RealShow(scripted_home(tmp_path / "home"), "--rig", "quick")
    dead = "http://127.0.0.1:9"
    show.environment |= {"HTTPS_PROXY": dead, "HTTP_PROXY": dead, "ALL_PROXY": dead, "HF_ENDPOINT": dead}
    show.environment |= {"UV_DEFAULT_INDEX": f"{dead}/simple", "UV_OFFLINE": "1"}
    try:
        show.start()
        assert show.ask("--text", "Is anybody out there?")["outcome"] == "completed"
    finally:
        show.end()
