"""A PulseAudio of the test's own: two null sinks as speakers, their monitors as microphones. Needs no sound card."""

import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from time import monotonic, sleep

STAGE, FOYER = "Stage", "Foyer"
MISSING = next((f"{tool} is not installed" for tool in ("pulseaudio", "pactl") if shutil.which(tool) is None), "")


class SoundServer:
    """Lives in one folder; `address` is what PULSE_SERVER must be, the same after each start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"unix:{folder}/sock"
        (folder / "run").mkdir(mode=0o700)
        self._environment = os.environ | {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": f"{folder}/run",
            "PULSE_RUNTIME_PATH": f"{folder}/run",
            "PULSE_SERVER": self.address,
        }

    def start(self, *modules: str) -> None:
        """Returns when it answers; `modules` instead of the two sinks."""
        (self._folder / "sock").unlink(missing_ok=True)
        words = "pulseaudio --daemonize=no -n --exit-idle-time=-1 --use-pid-file=no --disable-shm=yes".split()
        socket = f"module-native-protocol-unix socket={self._folder}/sock auth-anonymous=1"
        modules = (socket, *(modules or map(_sink, (STAGE, FOYER))))
        with (self._folder / "log").open("ab") as log:
            command = [*words, *(f"--load={module}" for module in modules)]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        until = monotonic() + 30
        while self._pactl("info", check=False).returncode:
            assert monotonic() < until and self._process.poll() is None, (self._folder / "log").read_text()
            sleep(0.05)

    def kill(self) -> None:
        """As the kernel does it when memory runs out."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self, frozen: bool) -> None:
        """A server that is there and does not answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def unplug(self, name: str) -> None:
        module = next(row.split()[0] for row in self._rows("modules") if f"_name={name} " in f"{row} ")
        self._pactl("unload-module", module)

    def plug_in(self, name: str, *more: str) -> None:
        self._pactl("load-module", *_sink(name).split(), *more)

    def plug_in_microphone(self, id: str, name: str, hears: str, *more: str) -> None:
        """A real source, as the server sees it, that hears what the sink `hears` plays."""
        properties = f"source_properties=\"device.description='{name}'\""
        source = ("module-remap-source", f"source_name={id}", f"master={hears}.monitor", properties, *more)
        self._pactl("load-module", *source)

    def play(self, sink: str, sound: bytes, *words: str) -> subprocess.Popen[bytes]:
        """48 kHz s16 samples, past us."""
        command = ["pacat", "-p", "--raw", "--rate=48000", f"--device={sink}", *words]
        playing = subprocess.Popen(command, env=self._environment, stdin=subprocess.PIPE)
        threading.Thread(target=playing.communicate, args=(sound,), daemon=True).start()
        return playing

    def plays(self, sink: str) -> bool:
        """Whether somebody plays there."""
        return any(f"\t{sink}\t" in row and "RUNNING" in row for row in self._rows("sinks"))

    def make_default(self, kind: str, name: str) -> None:
        """`kind`: sink or source."""
        self._pactl(f"set-default-{kind}", name)

    def _rows(self, what: str) -> list[str]:
        return self._pactl("list", "short", what).stdout.splitlines()

    def _pactl(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["pactl", *words]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=60, check=check)


def _sink(name: str) -> str:
    """Without rewinds a null sink begins at once; with them, after 2 s."""
    return f"module-null-sink norewinds=1 sink_name={name} sink_properties=device.description={name}"
