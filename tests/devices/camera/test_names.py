"""Cameras by name, from a folder like the kernel's and from words like macOS's."""

import json
from pathlib import Path

import pytest

from devices.camera import names
from devices.camera.names import CameraCandidate
from devices.errors import DeviceError

LISTED = [
    CameraCandidate("HD Pro Webcam C920", "/dev/video2"),
    CameraCandidate("Integrated Camera", "/dev/video0"),
    CameraCandidate("HD Pro Webcam C920", "/dev/video3"),
]


def node(folder: Path, number: int, name: str, index: int, bus: str) -> None:
    device = folder / "devices" / bus
    device.mkdir(parents=True, exist_ok=True)
    entry = folder / "class" / f"video{number}"
    entry.mkdir(parents=True)
    (entry / "name").write_text(f"{name}\n")
    (entry / "index").write_text(f"{index}\n")
    (entry / "device").symlink_to(device)


def test_of_linux_those_on_usb_come_first_and_their_first_nodes(tmp_path: Path) -> None:
    node(tmp_path, 10, "bcm2835-codec-decode", 0, "platform/codec")
    node(tmp_path, 0, "C920", 0, "usb1/1-2")
    node(tmp_path, 1, "C920", 1, "usb1/1-2")
    node(tmp_path, 2, "Brio", 0, "usb1/1-3")
    found = names.of_linux(tmp_path / "class")
    assert [(one.name, one.path) for one in found] == [
        ("C920", "/dev/video0"),
        ("Brio", "/dev/video2"),
        ("C920", "/dev/video1"),
        ("bcm2835-codec-decode", "/dev/video10"),
    ]


def test_a_machine_without_any(tmp_path: Path) -> None:
    assert names.of_linux(tmp_path / "class") == []
    with pytest.raises(DeviceError, match="there is none; plug one in"):
        names.find("auto", [])


def test_of_macos_the_unique_ids_give_the_numbers() -> None:
    cameras = [
        {"_name": "Studio Display", "spcamera_unique-id": "B2", "spcamera_model-id": "x"},
        {"_name": "FaceTime HD", "spcamera_unique-id": "A1"},
    ]
    profile = json.dumps({"SPCameraDataType": cameras}).encode()
    assert names.of_macos(profile) == [CameraCandidate("FaceTime HD", "0"), CameraCandidate("Studio Display", "1")]
    assert names.of_macos(b"") == names.of_macos(b"[1]") == names.of_macos(b"{}") == []


def test_a_part_of_the_name_finds_all_its_nodes() -> None:
    assert [one.path for one in names.find("c920", LISTED)] == ["/dev/video2", "/dev/video3"]
    assert names.find("auto", LISTED) == LISTED
    with pytest.raises(DeviceError, match="there are: HD Pro Webcam C920, Integrated Camera"):
        names.find("Brio", LISTED)


def test_a_path_is_itself_with_the_name_it_has_here() -> None:
    assert names.find("/dev/video0", LISTED) == [LISTED[1]]
    assert names.find("/films/ghost.avi", LISTED) == [CameraCandidate("ghost.avi", "/films/ghost.avi")]
