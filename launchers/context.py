"""What the launchers of one show share."""

from msgspec import Struct, field

from launchers.runtime.engine_key import EngineKey
from launchers.runtime.environments import Environments
from launchers.store.model_store import ModelStore
from profiles.home import Home


class LauncherContext(Struct, frozen=True):
    """Where things are, who fetches them, and what was found out about this machine."""

    home: Home
    store: ModelStore
    environments: Environments
    fit: set[str] = field(default_factory=set)
    """Programs of the machine that have answered; what fails afterwards is not their build."""
    unfit: set[str] = field(default_factory=set)
    """Those that were found and are of no use here: not tried again as long as the show lives."""
    withheld: set[str] = field(default_factory=set)
    """Variables in which the rig has keys for somebody else's servers: no engine of ours inherits them."""
    key: EngineKey = field(default_factory=EngineKey)
    """What our engines ask for."""
