"""Which device a name means, and which of them hear no visitor; the lists are those of scripted sound systems."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from devices.audio import audio_devices, miniaudio_streams
from devices.audio.device_names import DeviceEntry, default, folded, labels, match


def row(name: str, id: str = "", usual: bool = False, backend: str = "PulseAudio") -> DeviceEntry:
    return DeviceEntry(name, backend, name, usual, id)


MONITOR = row("Monitor of USB PnP Audio", "alsa_output.usb.monitor", True)
MIC = row("USB PnP Mic", "alsa_input.usb")


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[DeviceEntry]:
    rows: list[DeviceEntry] = []
    monkeypatch.setattr(miniaudio_streams, "rows", lambda kind: rows)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    return rows


@pytest.mark.parametrize("wanted", ["USB PnP", "usb pnp", "PnP", "pnp mic", "auto"])
@pytest.mark.parametrize("order", [[MONITOR, MIC], [MIC, MONITOR]])
def test_neither_a_part_nor_auto_is_a_monitor(listed: list[DeviceEntry], order: list[DeviceEntry], wanted: str) -> None:
    listed[:] = order
    found = audio_devices.find("input", wanted)
    assert found is not None and found.key == MIC.key
    listed[:] = [MONITOR]
    assert audio_devices.find("input", wanted) is None
    whole = audio_devices.find("input", MONITOR.name)
    assert whole is not None and whole.key == MONITOR.key


@pytest.mark.parametrize(
    "name",
    [
        "Monitor of USB PnP Audio",
        "Monitor von USB PnP Audio",
        "Moniteur de USB PnP Audio",
        "Monitor de USB PnP Audio",
        "Monitor di USB PnP Audio",
        "USB PnP Audio のモニター",
        "Монитор USB PnP Audio",
        "USB PnP Audio Monitor",
        "alsa_output.usb-C-Media_USB_PnP-00.analog-stereo.monitor",
        "Loopback: PCM (hw:2,1)",
        "Stereo Mix (Realtek High Definition Audio)",
        "Stereomix (Realtek)",
        "What U Hear (Sound Blaster)",
        "BlackHole 2ch",
        "Soundflower (64ch)",
        "CABLE Output (VB-Audio Virtual Cable)",
    ],
)
def test_the_many_looks_of_what_hears_a_speaker(listed: list[DeviceEntry], name: str) -> None:
    listed[:] = [row(name, usual=True, backend="Core Audio"), row("USB PnP Mic", backend="Core Audio")]
    found = audio_devices.find("input", "auto")
    assert found is not None and "USB PnP Mic" in (found.name, found.identity)
    assert match("input", name[:-1], listed[:1]) is None
    assert match("output", name[:-1], listed[:1]) is not None, "of a speaker it is only a name"
    assert default("output", listed) is listed[0]


@pytest.mark.parametrize(
    "name", ["Studio Monitor Mic", "LG Monitor Webcam", "Monitor 24 Mikrofon", "Mixer", "Cable Mic"]
)
def test_what_only_sounds_like_a_monitor(name: str) -> None:
    assert default("input", [row(name, backend="ALSA")]) is not None


def test_the_servers_own_word_counts_more_than_a_name() -> None:
    assert not row("Dell Monitor", "alsa_input.usb-dell").monitor
    assert row("Überwachung", "bluez_sink.00.monitor").monitor


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("usb mic", "USB Mic"),
        ("USB", "USB Mic"),
        ("Mic", "Mic"),
        ("mi", "Mic"),
        ("usb   MIC pro", "My USB Mic Pro"),
        ("Kopfho\u0308rer", "Kopfhörer"),
        ("KOPFHÖRER", "Kopfhörer"),
        ("Strassenmikrofon", "Straßenmikrofon"),
        ("Jabra Link 380", "Jabra\u00a0Link 380"),
        ("Anna's AirPods", "Anna\u2019s AirPods"),
        ("pro usb", "My USB Mic Pro"),
        ("id-7", "Seven"),
    ],
)
def test_exact_before_beginning_before_part_however_it_is_written(wanted: str, name: str) -> None:
    names = ["My USB Mic Pro", "USB Mic", "Mic", "Kopfhörer", "Straßenmikrofon", "Jabra\u00a0Link 380"]
    rows = [*map(row, names), row("Anna\u2019s AirPods"), row("Seven", "id-7")]
    for kind in ("input", "output"):
        found = match(kind, wanted, rows)
        assert found is not None and found.row.name == name


@pytest.mark.parametrize("wanted", ["", "   ", "nothing", "USB Mic #2"])
def test_what_is_not_there_is_not_found(wanted: str) -> None:
    assert match("input", wanted, [row("USB Mic")]) is None


def test_twins_are_numbered_by_their_ids_in_whatever_order_they_come() -> None:
    one, two = row("USB PnP", "usb-1"), row("USB  pnp", "usb-2")
    for rows in ([one, two], [two, one]):
        assert {row.id: label for row, label in zip(rows, labels(rows), strict=True)} == {
            "usb-1": "USB PnP #1",
            "usb-2": "USB  pnp #2",
        }
        for wanted, expected in (("USB PnP #2", two), ("usb pnp#1", one), ("usb-2", two), ("USB PnP", one)):
            found = match("input", wanted, rows)
            assert found is not None and found.row is expected
    assert labels([one]) == ["USB PnP"]


def test_the_stand_in_of_a_sound_server_is_no_speaker(listed: list[DeviceEntry]) -> None:
    listed[:] = [row("Dummy-Ausgang", "auto_null", True)]
    assert audio_devices.find("output", "auto") is None
    listed.append(row("Card", "alsa_output.card"))
    found = audio_devices.find("output", "auto")
    assert found is not None and found.name == "Card"


class PortAudio(SimpleNamespace):
    """The library, with a list of its own."""

    PortAudioError = RuntimeError

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.infos: list[dict[str, Any]] = [
            {
                "name": name,
                "index": index,
                "default_samplerate": 44_100.0,
                "max_input_channels": 6,
                "max_output_channels": 2,
            }
            for index, name in enumerate(names)
        ]

    def query_devices(self, device: int | None = None, kind: str | None = None) -> Any:
        return self.infos if kind is None else self.infos[0]


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    text = {"now": " 0 [PCH]\n"}
    monkeypatch.setattr(miniaudio_streams, "cards_text", lambda: text["now"])
    audio_devices._cards_at_first.cache_clear()
    return text


def test_portaudio_chooses_by_the_same_rules(
    listed: list[DeviceEntry], cards: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", PortAudio("Monitor of USB PnP Audio", "USB PnP Mic", "USB PnP"))
    assert audio_devices.find("input", "auto") is None, "its default is a monitor"
    for wanted, index in (("usb pnp", 2), ("USB PnP M", 1), ("Monitor of USB PnP Audio", 0)):
        found = audio_devices.find("input", wanted)
        assert found is not None and (found.driver, found.key) == ("PortAudio", index)
        assert (found.rate, found.channels) == (44_100, 6)


def test_portaudio_is_not_asked_for_what_only_the_server_knows_to_be_a_monitor(
    listed: list[DeviceEntry], cards: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", PortAudio("default"))
    listed[:] = [MONITOR]
    assert audio_devices.find("input", "auto") is None
    listed.append(MIC)
    assert [found.driver for found in audio_devices.find_all("input", "auto")] == ["PulseAudio"]


def test_the_numbers_of_portaudio_are_not_believed_once_a_card_has_gone_or_come(
    listed: list[DeviceEntry], cards: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", PortAudio("USB PnP: Audio (hw:1,0)", "pulse"))
    assert audio_devices.find("input", "USB PnP") is not None
    cards["now"] = " 0 [PCH]\n 2 [PnP]\n"
    assert audio_devices.find("input", "USB PnP") is None
    assert audio_devices.find("input", "pulse") is not None, "which leads to the server, whatever cards there are"


def test_folded() -> None:
    assert folded(" USB\u200b  PnP\u2013Mic ") == folded("usb pnp-mic")
