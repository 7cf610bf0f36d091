"""Everything an operator can do: key, word for the footer, sentence for palette and help. The one list of it."""

from msgspec import Struct
from textual.binding import Binding, BindingType


class KeyAction(Struct, frozen=True):
    action: str
    key: str
    shown: str
    """The key as people know it."""
    rank: int
    """Place in the last line of the screen when there is little room: 1 stays longest; 0 = never there."""
    label: str
    sentence: str
    first: bool = False
    """Works even while a text box has the focus."""
    pressed: str = ""
    """What the key itself does, where its being let go matters too; the mouse and the palette cannot hold it."""


ACTS = (
    KeyAction("talk", "space", "SPACE", 1, "talk",
        "Hold it and talk; or tap to begin, and tap to end.",
        pressed="talk_key"),
    KeyAction("say", "slash", "/", 3, "say", "Type a line that the character says."),
    KeyAction("ask", "a", "A", 12, "ask", "Type a question in the visitor's place."),
    KeyAction("hush", "escape", "ESC", 2, "stop", "Stop what is being said; twice in a row is a panic."),
    KeyAction("panic", "ctrl+x", "^X", 4, "panic", "Silence at once, jaw limp, no answers until you go on.", True),
    KeyAction("resume", "ctrl+r", "^R", 1, "go on", "Lift a panic: visitors may come again.", True),
    KeyAction("fix", "enter", "ENTER", 2, "fix", "Do what fixes the topmost problem."),
    KeyAction("see('show')", "1", "1", 6, "show", "The show: stages, talk, engines, memory, body."),
    KeyAction("see('log')", "2", "2", 7, "log", "The logs of all engines, and why one crashed."),
    KeyAction("see('rig')", "3", "3", 8, "rig", "The body by hand: jaw, sound, camera, preflight."),
    KeyAction("see('models')", "4", "4", 9, "models", "The models: what fits now; swap, fetch, pin, unload."),
    KeyAction("see('turns')", "5", "5", 11, "turns", "The last turns, with the time that each stage took."),
    KeyAction("choose_character", "c", "C", 0, "character", "Another character speaks from now on."),
    KeyAction("choose_rig", "g", "G", 0, "other rig", "Stop the show and start it with another rig."),
    KeyAction("choose_service", "r", "R", 0, "restart", "Restart one engine."),
    KeyAction("start_show", "s", "S", 0, "start", "Start the show again after it has ended."),
    KeyAction("change_theme", "t", "T", 0, "colours", "Choose the colours of this screen."),
    KeyAction("help", "question_mark", "?", 5, "help", "All keys, each with a sentence."),
    KeyAction("leave", "q", "Q", 10, "leave", "Close this screen; the show may go on without it."),
)  # fmt: skip

LOG_ACTS = (
    KeyAction("log_service", "right", "←→", 0, "log", "Another log: all of them, one engine's, the show's."),
    KeyAction("log_find", "f", "F", 3, "find", "Look for words or a regular expression."),
    KeyAction("log_next(-1)", "n", "N", 0, "next", "The next hit above; ⇧N goes down again."),
    KeyAction("log_level", "e", "E", 2, "errors", "Only errors; again: warnings too; again: everything."),
    KeyAction("log_crashes", "tab", "TAB", 1, "crashes", "The crashes of this run, and why."),
    KeyAction("log_crash(-1)", "u", "U", 0, "crash above", "The log at the crash before; D: at the one after."),
    KeyAction("log_wrap", "w", "W", 6, "wrap", "Long lines whole, or cut at the edge."),
    KeyAction("log_pause", "p", "P", 4, "pause", "Stand still, or follow again, as END does."),
    KeyAction("log_copy", "y", "Y", 5, "copy", "Copy the line, or those chosen with ⇧↑ and ⇧↓."),
    KeyAction("log_save", "o", "O", 7, "save", "Save the chosen lines, or the last 1000, in a file."),
)  # fmt: skip
"""On the log page only; they belong to it (screens/log.py)."""

MODEL_ACTS = (
    KeyAction("model_move(1)", "down", "↑↓", 0, "choose", "Another model; HOME and END go to the first and the last."),
    KeyAction("model_swap", "enter", "ENTER", 1, "swap",
              "Give the engine this model; asks first if visitors would notice."),
    KeyAction("model_fetch", "f", "F", 2, "fetch", "Fetch this model while the show goes on; again: cancel."),
    KeyAction("model_pin", "p", "P", 3, "pin", "It keeps its model when memory runs low; again: no more."),
    KeyAction("model_unload", "u", "U", 4, "unload", "Stop its engine, so that memory is free; again: load it."),
)  # fmt: skip
"""On the models page only; they belong to it (screens/models.py)."""

RIG_ACTS = (
    KeyAction("rig_estop", "x", "X", 1, "E-STOP", "Motors off, at once, until it is acknowledged."),
    KeyAction("rig_acknowledge", "k", "K", 2, "acknowledge",
              "You have seen the stop or the fault; then arm the jaw again."),
    KeyAction("rig_arm", "m", "M", 3, "arm", "Let the jaw move; again: make it limp. Hands away first."),
    KeyAction("rig_jog(1)", "up", "↑↓", 4, "jog", "Open the jaw by a step, or close it: inside its limits."),
    KeyAction("rig_step", "j", "J", 10, "step", "Another step for the jog: 1, 5, 25 µs, or so many percent."),
    KeyAction("rig_jog_to(0)", "home", "HOME", 0, "close the jaw", "Close the jaw slowly; END opens it."),
    KeyAction("rig_look_ahead(5)", "right", "←→", 8, "ahead", "Send the jaw earlier before the sound, or later."),
    KeyAction("rig_sweep", "w", "W", 7, "sweep", "Slowly: closed, open, closed, in 4 s."),
    KeyAction("rig_line", "l", "L", 6, "test line", "Speak a line in which the mouth has much to do."),
    KeyAction("rig_calibrate", "e", "E", 9, "calibrate", "Find closed, open and rest of this skull, step by step."),
    KeyAction("rig_save", "v", "V", 5, "save", "Write what was changed into the rig file; its comments stay."),
    KeyAction("rig_microphone", "i", "I", 6, "microphone", "Another microphone, between two turns."),
    KeyAction("rig_speaker", "o", "O", 7, "speaker", "Another speaker, between two turns."),
    KeyAction("rig_hear", "h", "H", 4, "hear yourself",
              "Speak for 3 s, then hear it, and how far it is above the room."),
    KeyAction("rig_beep", "b", "B", 5, "beep", "A tone on the speaker: does the microphone hear it?"),
    KeyAction("rig_look", "left", "←↑↓→", 4, "look around", "Hold an arrow to pan and tilt; it stops when you let go."),
    KeyAction("rig_home", "home", "HOME", 5, "centre", "The head looks straight ahead again."),
    KeyAction("rig_snapshot", "n", "N", 6, "snapshot", "Save the newest picture in the logs of this run."),
    KeyAction("rig_preflight", "p", "P", 12, "preflight", "Try everything once; beep and sweep only if you say so."),
    KeyAction("rig_part", "tab", "TAB", 11, "part", "Jaw, sound, eyes or preflight: that the arrows are for."),
)  # fmt: skip
"""On the rig page only; they belong to it (screens/rig.py)."""


def bindings() -> list[BindingType]:
    """For the App, which asks `check_action` whether one works now."""
    rows = [Binding(act.key, act.pressed or act.action, act.label, priority=act.first) for act in ACTS]
    return [*rows, Binding("ctrl+q,ctrl+c", "leave", priority=True)]
