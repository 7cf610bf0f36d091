"""The llama.cpp server: the primed prompt, cancels, and how it starts and ends."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engines.conftest import Engine, Start

pytestmark = pytest.mark.engines

HEAD = {"role": "system", "content": "You are Mr. Bones, a talking skull. " + "You like a good pun. " * 30}


def ask(engine: Engine, words: str, **options: Any) -> dict[str, Any]:
    order = {"messages": [HEAD, {"role": "user", "content": words}], "temperature": 0, "cache_prompt": True}
    answer = httpx.post(f"{engine.url}/v1/chat/completions", json=order | options, timeout=60)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert isinstance(body, dict)
    return body


def chunks(engine: Engine, words: str, **options: Any) -> Iterator[dict[str, Any]]:
    order = {"messages": [HEAD, {"role": "user", "content": words}], "stream": True} | options
    with httpx.stream("POST", f"{engine.url}/v1/chat/completions", json=order, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                yield json.loads(line[6:])


def test_a_primed_head_is_not_evaluated_again(llm: Engine) -> None:
    ask(llm, "", max_tokens=1)
    timings = ask(llm, "Do you like dogs?", max_tokens=4)["timings"]
    assert timings["cache_n"] > 100
    assert timings["prompt_n"] < 40


def test_tokens_stream_and_the_last_chunk_has_the_timings(llm: Engine) -> None:
    got = list(chunks(llm, "Tell me of the sea.", max_tokens=12, ignore_eos=True))
    texts = [c["choices"][0]["delta"].get("content") for c in got if c["choices"]]
    assert len([text for text in texts if text]) > 5
    assert got[-1]["timings"]["predicted_n"] == 12
    assert got[0]["model"] == "SmolLM2-135M-Instruct.Q4_1"


def test_a_client_that_hangs_up_while_decoding_frees_the_slot(llm: Engine) -> None:
    ask(llm, "Hi", max_tokens=1)
    stream = chunks(llm, "Count to a thousand.", max_tokens=1000, ignore_eos=True)
    for _ in range(5):
        next(stream)
    stream.close()  # type: ignore[attr-defined]
    began = time.monotonic()
    ask(llm, "Hi", max_tokens=1)
    assert time.monotonic() - began < 2  # a thousand tokens take ten


def test_a_client_that_hangs_up_in_prefill_frees_the_slot(llm: Engine) -> None:
    """Heard at the next batch of 128: that is why the batch is small."""
    page = " ".join(f"bone number {n}" for n in range(100))
    began = time.monotonic()
    ask(llm, page + " one", max_tokens=1)
    whole_s = time.monotonic() - began

    def wait_after_hang_up(salt: int) -> float:
        with pytest.raises(httpx.TimeoutException):
            order = {"messages": [{"role": "user", "content": f"{salt}. {page}"}], "max_tokens": 1}
            httpx.post(f"{llm.url}/v1/chat/completions", json=order, timeout=0.1)
        began = time.monotonic()
        httpx.post(f"{llm.url}/completion", json={"prompt": "Hi", "n_predict": 1}, timeout=60)
        return time.monotonic() - began

    # A busy machine may spoil one try; with one big batch each would take whole_s.
    assert any(wait_after_hang_up(salt) < 0.75 * whole_s for salt in range(3))


def test_metrics_and_junk(llm: Engine) -> None:
    assert "llamacpp:prompt_tokens_total" in httpx.get(f"{llm.url}/metrics").text
    assert httpx.post(f"{llm.url}/v1/chat/completions", content=b"junk").status_code >= 400
    assert llm.health() == 200


def test_a_taken_port_is_one_plain_line(starter: Start, llm: Engine, weights: Callable[[str], str]) -> None:
    second = starter("llm_xllamacpp", "--model", weights("smollm2-135m"), port=llm.port)
    assert second.process.wait(10) == 1
    assert second.log.count("\n") == 1
    assert f"port {llm.port}" in second.log


def test_a_broken_model_ends_with_a_plain_line(starter: Start, tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(5000))
    engine = starter("llm_xllamacpp", "--model", str(tmp_path / "broken.gguf"))
    assert engine.process.wait(20) == 1
    assert "models verify" in engine.log.splitlines()[-1]


def test_term_ends_it_while_decoding(starter: Start, weights: Callable[[str], str]) -> None:
    engine = starter("llm_xllamacpp", "--model", weights("smollm2-135m"), "--ctx", "2048")
    engine.seen_until_ready()
    stream = chunks(engine, "Count to a thousand.", max_tokens=1000, ignore_eos=True)
    next(stream)
    assert engine.stop() < 0.3
    assert engine.process.returncode == -15
    with pytest.raises(httpx.HTTPError):
        list(stream)
