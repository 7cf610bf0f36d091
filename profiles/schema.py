"""What a rig file and a character file may say. Units are in the names; defaults are the careful choice."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from profiles.plain_words import NOT_BLANK, ONE_LINE

Seconds = Annotated[float, Meta(ge=0, le=3600)]
Deadline = Annotated[float, Meta(gt=0, le=3600)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
MIN_PULSE_US = 500
CALIBRATION_US = (600, 2400)
"""How far a calibration may try the servo of the jaw, whatever the rig says; most servos turn no further."""
MOST_TRIM_US = 200
"""Either way."""
LOOK_AHEAD_MS = (-200, 300)
"""The least and the most by which the jaw may go before the voice."""
PulseWidth = Annotated[int, Meta(ge=MIN_PULSE_US, le=2500)]
Role = Literal["stt", "llm", "tts", "vision"]
Text = Annotated[str, Meta(min_length=1, pattern=NOT_BLANK)]
Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=ONE_LINE)]
OptionValue = str | int | float | bool


Device = Literal["auto", "cpu", "gpu"]


class LadderStep(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One step of an engine's ladder: a model, and where it runs."""

    model: Line
    device: Device = "auto"


class Engine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One engine of a rig: `[engines.NAME]`."""

    engine: Line
    """Which launcher starts it: `launchers/<role>_<engine>.py`."""
    role: Role | None = None
    """What it does; when left out, the table's name says it."""
    launch: Literal["process", "attach"] = "process"
    """A child of ours, or a URL that somebody else runs (probed, never stopped)."""
    url: str = ""
    """Base URL, for `attach` only; engines that are mostly at one address need none."""
    api_key_env: str = ""
    """For `attach` only: the environment variable that holds the key which the server wants."""
    api_key_file: str = ""
    """The same as a file, which holds the key alone; a path beside this rig file, or one with ~."""
    model: str = ""
    """Id in the catalogue; for Ollama one of its tags."""
    device: Device = "auto"
    """auto = the GPU if the engine can use one; cpu = never; gpu = all of it, or it does not start."""
    ladder: tuple[LadderStep, ...] = ()
    """What may take its place when memory runs low, largest first; the model above is one of the steps."""
    port: Port = 0
    """0 = a free one, chosen at start."""
    binary: Line = "auto"
    """auto = a server program on the PATH if there is one; none = never; or a path to one."""
    threads: Annotated[int, Meta(ge=0, le=256)] = 0
    """0 = the engine's own choice for this machine."""
    context: Annotated[int, Meta(ge=256, le=1_048_576)] = 2048
    """LLM context, tokens."""
    nice: Annotated[int, Meta(ge=0, le=19)] = 0
    """Lower claim on the CPU than its neighbours."""
    memory_limit_mb: Annotated[int, Meta(ge=0, le=4_000_000)] = 0
    """RAM of the engine and its children beyond which it is started again; 0 = no limit."""
    standby: bool = False
    """Kept warm, used when the first engine of its role is gone."""
    enabled: bool = True
    options: dict[str, OptionValue] = field(default_factory=dict)
    """Handed to the launcher, which checks them."""


class Audio(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[audio]`: where sound comes from and goes to."""

    microphone: Line = "auto"
    """auto = the default device, or as long as there is none the recorded visitor; recorded; or a device: its name, a
    part of that, "NAME #2" for the second of two of one name, or its id (check and the picker list both). A monitor,
    which hears a speaker and no visitor, is used by its full name alone.
    """
    speaker: Line = "auto"
    """auto = the default device, or as long as there is none the clocked null speaker; null; or a device as above."""
    pre_roll_ms: Annotated[int, Meta(ge=0, le=2000)] = 300
    tail_ms: Annotated[int, Meta(ge=0, le=1000)] = 150
    max_hold_s: Annotated[float, Meta(gt=0, le=30)] = 28.0
    """A press is released by itself after this long; whisper's window is 30 s."""
    end_of_speech: bool = False
    """Release the button by itself when the visitor has finished speaking."""
    end_of_speech_ms: Annotated[int, Meta(ge=200, le=5000)] = 900
    """How long a visitor may pause without being taken to have finished."""
    noise_suppression: Annotated[int, Meta(ge=0, le=4)] = 0
    """0 = none .. 4 = most; for a loud room, where it costs some of the voice as well."""
    high_pass: bool = False
    """Take away what is below 100 Hz: trams, fans, footsteps on the stage."""
    peak_db: Annotated[float, Meta(ge=-30, le=0)] = -1.0
    """How loud the loudest sample of a line becomes, dB of full scale."""


class Jaw(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[jaw]`: the board and how far it may go. Uncalibrated travel is narrow on purpose."""

    board: Line = "simulated"
    """A file of devices/boards."""
    port: Line = "auto"
    """auto = the board of that kind that is plugged in; emulated = one made of software; usb:VVVV:PPPP[:SERIAL]; a
    path; socket://host:port."""
    channel: Annotated[int, Meta(ge=0, le=31)] = 0
    """Of the servo; on an Arduino the pin."""
    baud: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """0 = what is usual for the board."""
    closed_us: PulseWidth = 1400
    open_us: PulseWidth = 1600
    rest_us: Annotated[int, Meta(ge=0, le=2500)] = 0
    """Where it waits between two sentences; 0 = closed."""
    trim_us: Annotated[int, Meta(ge=-MOST_TRIM_US, le=MOST_TRIM_US)] = 0
    """Added to closed, open and rest: for a horn that was put on again a tooth further."""
    slew_us_per_s: Annotated[int, Meta(ge=50, le=20_000)] = 4000
    look_ahead_ms: Annotated[int, Meta(ge=LOOK_AHEAD_MS[0], le=LOOK_AHEAD_MS[1])] = 60
    idle_detach_s: Seconds = 5.0
    """Without a move for so long the servo goes limp; 0 = never."""
    arm_at_start: bool = False
    """Move without being armed by hand first; for a prop that nobody can reach into. Software is always armed."""


class PanTilt(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[pan_tilt]`: a head that looks around."""

    driver: Line = "none"
    """A file of devices/pan_tilt."""
    port: Line = "auto"
    """As of [jaw]."""
    baud: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    address: Annotated[int, Meta(ge=1, le=255)] = 1
    fastest: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Share of the head's own greatest speed."""
    invert_pan: bool = False
    invert_tilt: bool = False


class Camera(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[camera]`: what the character sees."""

    device: Line = "none"
    """none; simulated = a drawn scene; auto = the first there is; a part of its name; or a path."""
    width: Annotated[int, Meta(ge=64, le=4096)] = 640
    height: Annotated[int, Meta(ge=48, le=4096)] = 480
    fps: Annotated[int, Meta(ge=1, le=60)] = 15


class TalkSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[talk]`: what else opens the microphone, beside SPACE and the pad of the screen. Holding is talking."""

    board_button: bool = True
    """The push button on the jaw's board."""
    hot_key: str = ""
    """A key that works whatever has the focus, such as F13 or a foot pedal's B; empty = none. Linux."""
    hot_key_device: str = ""
    """A part of the keyboard's or pedal's name; empty = any."""


class Deadlines(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[deadlines]`: how long a stage may take before the show names it and goes on."""

    transcribing_s: Deadline = 10.0
    first_token_s: Deadline = 15.0
    """For the model's first word, unless its server gives signs of life: it loads, reads a long prompt, or reasons."""
    waiting_s: Deadline = 60.0
    """For the first clause of a model that gives such signs."""
    filler_s: Seconds = 4.0
    """After so long without a clause the character says one of its `waiting` lines; 0 = never."""
    next_token_s: Deadline = 6.0
    first_pcm_s: Deadline = 6.0
    thinking_s: Deadline = 30.0
    """For all that follows the first clause."""


class MemoryRules(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[memory]`: when a smaller model of an engine's ladder takes over."""

    warn_at: Annotated[float, Meta(gt=0, le=1)] = 0.90
    act_at: Annotated[float, Meta(gt=0, le=1)] = 0.95
    """Shares of the RAM, or of a GPU's memory, that are in use."""
    margin_mb: Annotated[int, Meta(ge=0, le=1_000_000)] = 256
    """With less free than this it acts as well."""
    residency_s: Seconds = 30.0
    """A model stays at least so long."""
    swap_stall_s: Annotated[float, Meta(ge=0.2, le=3600)] = 60.0
    """A newcomer that loads may be silent for so long: visitors may be waiting for it."""
    step_up: bool = False
    """Go back to the larger model when there has been room for a minute."""


class Rig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The machine and devices of one booth."""

    title: Line
    character: Line = "mr_bones"
    adopt_window_s: Seconds = 30.0
    """How long the engines outlive a show that dies, with their models in memory, for the next one; 0 = not at all."""
    engines: dict[str, Engine]
    audio: Audio = field(default_factory=Audio)
    jaw: Jaw = field(default_factory=Jaw)
    pan_tilt: PanTilt = field(default_factory=PanTilt)
    camera: Camera = field(default_factory=Camera)
    talk: TalkSettings = field(default_factory=TalkSettings)
    deadlines: Deadlines = field(default_factory=Deadlines)
    memory: MemoryRules = field(default_factory=MemoryRules)


class Voice(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[voice]`: how the character sounds."""

    speed: Annotated[float, Meta(ge=0.5, le=2.0)] = 1.0


class JawFeel(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[jaw]`: how the jaw follows the voice (ms; research: attack 20, release 80)."""

    attack_ms: Annotated[int, Meta(ge=0, le=500)] = 20
    release_ms: Annotated[int, Meta(ge=0, le=1000)] = 80
    gain: Annotated[float, Meta(ge=0.1, le=3.0)] = 1.0
    band_pass: bool = False
    """Follow 300 .. 2500 Hz alone: for a voice that hisses or hums."""


class Thinking(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[thinking]`: how the model is asked."""

    temperature: Annotated[float, Meta(ge=0, le=2)] = 0.7
    top_p: Annotated[float, Meta(gt=0, le=1)] = 0.9
    repeat_penalty: Annotated[float, Meta(ge=1, le=2)] = 1.1
    seed: Annotated[int, Meta(ge=-1, le=4_294_967_295)] = -1
    """-1 = a new one each turn."""
    max_tokens: Annotated[int, Meta(ge=8, le=1024)] = 80
    max_sentences: Annotated[int, Meta(ge=1, le=10)] = 2
    history_turns: Annotated[int, Meta(ge=0, le=50)] = 6


class Example(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One exchange that shows the model the tone wanted."""

    visitor: Text
    reply: Text


Lines = Annotated[tuple[Text, ...], Meta(min_length=1)]


class CannedLines(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[lines]`: what is said when an engine lets us down, in the character's own words."""

    trouble: Lines = ("Something rattled loose. Ask me again.",)
    """A stage failed or took too long."""
    no_llm: Lines = ("My mind is elsewhere just now. Come back in a moment.",)
    """The model is gone; the show answers without it."""
    no_stt: Lines = ("My ears have fallen off. Give me a moment.",)
    unheard: tuple[Text, ...] = ()
    """Nobody spoke; empty = stay silent."""
    swapping: Lines = ("One moment, I am changing my mind.",)
    """Somebody waits while the model is exchanged for another."""
    waiting: Lines = ("Hm, let me think about that.", "Give me a moment.", "It is on the tip of my tongue.")
    """The model takes long before its first words; none is said twice in a turn while there are others."""


class Character(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who speaks."""

    name: Line
    """As spoken and as shown, for example "Mr. Bones"."""
    persona: Text
    """The frozen head of the prompt: never holds anything that changes, so that its KV cache lives on."""
    language: Literal["en"] = "en"
    examples: tuple[Example, ...] = ()
    voice: Voice = field(default_factory=Voice)
    jaw: JawFeel = field(default_factory=JawFeel)
    thinking: Thinking = field(default_factory=Thinking)
    lines: CannedLines = field(default_factory=CannedLines)
