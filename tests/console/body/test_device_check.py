"""What `check` says of a body that is looked at and not touched."""

import sys
from pathlib import Path

import pytest

from console.body.device_check import connected
from console.cli.main import main
from devices.audio import miniaudio_streams
from devices.audio.device_names import DeviceEntry
from devices.emulators.emulate import emulate
from devices.serial_port import SerialPort
from profiles.schema import Camera, Engine, Jaw, PanTilt, Rig


def rig(jaw: Jaw | None = None, head: PanTilt | None = None, camera: str = "none") -> Rig:
    return Rig(
        title="t",
        engines={"llm": Engine(engine="llama_cpp")},
        jaw=jaw or Jaw(),
        pan_tilt=head or PanTilt(),
        camera=Camera(device=camera),
    )


def told(rig: Rig) -> dict[str, tuple[str, str, str]]:
    return {row.what: (row.state, row.detail, row.mend) for row in connected(rig)}


def test_only_what_the_rig_wants_has_a_line() -> None:
    assert told(rig()).keys() == {"microphone", "speaker", "jaw"}
    whole = told(rig(Jaw(board="maestro", port="emulated"), PanTilt(driver="visca", port="emulated"), "simulated"))
    assert whole["jaw"] == ("ok", "maestro, emulated", "") and whole["head"] == ("ok", "visca, emulated", "")
    assert whole["camera"] == ("ok", "simulated", "")


@pytest.mark.parametrize(
    ("jaw", "detail", "mend"),
    [
        (Jaw(board="maestro", port="/dev/nosuch"), "/dev/nosuch: is not there", "plug the board in"),
        (Jaw(board="maestro"), "auto: no such board is plugged in", "plug it in"),
        (Jaw(board="ssc32"), "auto: such boards hide behind any USB adapter", "set the port"),
        (Jaw(board="toaster"), "toaster: there is no such board", ""),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(jaw: Jaw, detail: str, mend: str) -> None:
    state, what, do = told(rig(jaw))["jaw"]
    assert state == "fault" and detail in what and mend in do


def test_a_head_and_a_camera_that_are_not_there() -> None:
    rows = told(rig(head=PanTilt(driver="pelco_d", port="/dev/nosuch"), camera="No Such Camera"))
    assert rows["head"][:2] == ("fault", "/dev/nosuch: is not there")
    assert rows["camera"][0] == "fault" and "no camera has this in its name" in rows["camera"][1]


def test_a_port_that_we_may_not_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tty").touch()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    state, detail, mend = told(rig(Jaw(board="maestro", port=str(tmp_path / "tty"))))["jaw"]
    assert state == "fault" and "may not be opened by you" in detail and "dialout" in mend


@pytest.mark.parametrize("named", [True, False])
def test_what_fetches_the_rest_names_the_rig_as_it_can_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], named: bool
) -> None:
    monkeypatch.setenv("GALACTUS_HOME", str(tmp_path / "home"))
    (tmp_path / "mine.toml").write_text('extends = "quick"\n')
    wanted = "quick" if named else str(tmp_path / "mine.toml")
    assert main(["check", "--rig", wanted]) == 3
    assert f"models fetch --for-rig {wanted}\n" in capsys.readouterr().out


def test_nothing_is_opened() -> None:
    """Another program has the port for itself, an Arduino would start again."""
    with emulate("maestro") as emulator:
        other = SerialPort(emulator.path, 9600)
        assert told(rig(Jaw(board="maestro", port=emulator.path)))["jaw"][0] == "ok"
        other.close()
        assert not emulator.moves


def test_only_a_monitor_is_no_microphone_and_the_stand_in_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [DeviceEntry("Monitor of Hall", "PulseAudio", None, True, "hall.monitor")]
    monkeypatch.setattr(miniaudio_streams, "rows", lambda kind: rows)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    state, detail, mend = told(rig())["microphone"]
    assert state == "todo" and "there is no microphone" in detail and "recorded visitor" in detail and "plug" in mend
    rows[:] = [DeviceEntry("USB PnP", "PulseAudio", None, i == 2, f"usb-{i}") for i in (1, 2)]
    state, detail, _ = told(rig())["microphone"]
    assert state == "ok" and "recorded" not in detail
