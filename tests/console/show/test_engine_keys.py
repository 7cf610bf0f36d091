"""Engines answer the show alone: not another program on this machine, not a web page; also after a crash."""

import os
import signal
from collections.abc import Iterator

import httpx
import pytest

from tests.support.real_show import RealShow

ORIGIN = {"Origin": "http://evil.example"}
PATHS = (
    "/", "/index.html", "/models", "/v1/models", "/api/tags", "/props", "/slots", "/metrics", "/tokenize",
    "/v1/chat/completions", "/completion", "/v1/audio/speech", "/inference", "/load", "/docs", "/openapi.json",
    "/health/", "/health/..", "//health", "/HEALTH", "/health%2f..%2fprops", "/v1/health/../models", "/x?/health",
)  # fmt: skip
METHODS = ("GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE")


def attempts(key: str) -> Iterator[dict[str, str]]:
    """What one sends who does not know the key, or does not send it as it should be."""
    yield {}
    for wrong in ("Bearer", "Bearer x", f"Basic {key}", key, f"Bearer {key}x", f"Bearer {key[:-1]}"):
        yield {"Authorization": wrong}


def refused(client: httpx.Client, method: str, path: str, headers: dict[str, str], key: str) -> None:
    answer = client.request(method, path, headers=headers, content=b"{}" if method in ("POST", "PUT") else None)
    allowed = answer.headers.get("Access-Control-Allow-Origin", "")
    assert allowed == "" and key not in answer.text, (method, path, headers, allowed)
    preflight = method == "OPTIONS" and not answer.content  # llama.cpp answers one with nothing, and allows nothing
    nothing = answer.status_code in (401, 404, 405, 400)
    assert nothing or preflight, (method, path, headers, answer.status_code, answer.text[:200])


def walk(show: RealShow) -> list[int]:
    key, ports = show.key_file.read_text(), [service["port"] for service in show.status()["services"]]
    for port in ports:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
            health = client.get("/health", headers=ORIGIN)
            assert health.status_code == 200 and health.headers.get("Access-Control-Allow-Origin", "") == ""
            for path in PATHS:
                for method in METHODS:
                    refused(client, method, path, ORIGIN, key)
            for headers in attempts(key):
                refused(client, "POST", "/v1/chat/completions", headers, key)
                refused(client, "POST", "/inference", headers | ORIGIN, key)
            refused(client, "GET", f"/props?key={key}&api_key={key}", {}, key)
            refused(client, "GET", "/props", {"Cookie": f"key={key}", "X-Forwarded-For": "127.0.0.1"}, key)
    return ports


@pytest.mark.engines
def test_no_page_and_no_other_program_gets_more_than_health_from_a_real_engine(real: RealShow) -> None:
    assert len(walk(real)) == 4
    assert real.ask("--text", "Are you still there?")["outcome"] == "completed"
    logs = b"".join(file.read_bytes() for file in (real.home / "logs").rglob("*") if file.is_file())
    assert logs and real.key_file.read_bytes() not in logs


def test_a_show_that_is_killed_is_followed_by_one_that_has_the_key_of_its_engines(quick: RealShow) -> None:
    walk(quick)
    key, pids = quick.key_file.read_text(), {s["name"]: s["pid"] for s in quick.status()["services"]}
    assert quick.process is not None
    os.kill(quick.process.pid, signal.SIGKILL)
    quick.process.wait()
    quick.start()
    services = quick.status()["services"]
    assert {s["name"]: s["pid"] for s in services} == pids and all(s["adopted"] for s in services)
    assert quick.key_file.read_text() == key
    assert quick.ask("--text", "Are you still there?")["outcome"] == "completed"
    assert quick.cli("stop").returncode == 0
    assert not quick.key_file.exists()


def test_engines_whose_key_is_lost_are_started_again_and_the_operator_told(quick: RealShow) -> None:
    pids = {s["pid"] for s in quick.status()["services"]}
    assert quick.process is not None
    os.kill(quick.process.pid, signal.SIGKILL)
    quick.process.wait()
    quick.key_file.unlink()
    quick.start()
    services = quick.status()["services"]
    assert not pids & {s["pid"] for s in services} and not any(s["adopted"] for s in services)
    assert any("engines' key is not there" in row.get("text", "") for row in quick.events())
    assert quick.ask("--text", "Are you still there?")["outcome"] == "completed"


def test_a_stop_after_a_kill_takes_the_key_along(quick: RealShow) -> None:
    assert quick.process is not None
    os.kill(quick.process.pid, signal.SIGKILL)
    quick.process.wait()
    assert quick.key_file.exists()
    assert quick.cli("stop").returncode == 0
    assert not quick.key_file.exists()
