"""A training run's settings: a TOML file, checked, with the named ones shipped beside this file."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args, get_type_hints

from ..contract import ErrorCode, HandsError
from ..networks.configuration import COMPACT, PAIR, PAPER, NetworkConfiguration
from .paper_losses import LossWeights

NAMED_DIR: Final = Path(__file__).with_name("configurations")
_SUFFIX: Final = ".toml"


@dataclass(frozen=True)
class ExtraLossWeights:
    """Weights of the terms that the paper does not have (`extra_losses`); 0 leaves a term out."""

    joints_px: float = 0.0
    vertices: float = 0.0
    heatmaps: float = 0.0
    depth: float = 0.0
    presence: float = 0.0
    penetration: float = 0.0


@dataclass(frozen=True)
class PairLossWeights:
    """Weights of the terms that the pair network alone has (`pair_losses`)."""

    points: float = 40.0
    certainty: float = 1.0
    presence: float = 1.0
    relation: float = 3.0


@dataclass(frozen=True)
class FinderLossWeights:
    """Weights of stage one's terms (`finder_losses`).

    Parameters
    ----------
    presence : which cells hold the middle of which palm
    side : which side the hand at a cell is of, nothing else asked
    square : centre, size and direction of the hand's square
    palm : the palm's two directions and whether it faces the camera, whichever hand it is
    """

    presence: float = 1.0
    side: float = 2.0
    square: float = 4.0
    palm: float = 2.0


@dataclass(frozen=True)
class AugmentationSettings:
    """How pictures vary (reference/network.md, "Training"). The defaults are the paper's.

    Parameters
    ----------
    shift : of the crop's centre, up to this share of the box
    scale : the crop's side times 1 + scale * clip(N, -1, 1)
    rotation_deg : rotation_deg * clip(N, -2, 2) with probability `rotation_chance`
    flip_chance : mirror the picture and swap the hands
    colour : every channel times a number from 1 - colour to 1 + colour
    swap_fit_validity : False repeats the authors' slip of leaving the flags of the fits in place when hands are swapped
    background : the chance of another one behind hands whose meshes are known
    strong : the chance of each of: blur, noise, JPEG, a darker or brighter picture, an occluder
    """

    shift: float = 0.15
    scale: float = 0.25
    rotation_deg: float = 45.0
    rotation_chance: float = 0.6
    flip_chance: float = 0.5
    colour: float = 0.2
    swap_fit_validity: bool = True
    background: float = 0.0
    strong: float = 0.0


@dataclass(frozen=True)
class TrainingConfiguration:
    """A run, complete with its seed: the same settings on the same data give the same weights.

    Parameters
    ----------
    name : for reports
    network : ``paper``, ``compact``, ``pair`` or ``finder``
    use_attention, cascade_stages : the paper's ablations
    picture_px : side of the network's input, a multiple of 32; the paper's is 256
    train : ``mesh``: the heat-map net is kept, as the authors do (its batch norms' statistics still drift);
        ``heatmaps``: the heat-map net alone, with InterNet's losses; ``all``
    freeze_backbone_norms : keep the ImageNet statistics of the small backbone
    frozen_blocks : of the pair network's backbone, so many blocks from the picture on never learn; of the finder's,
        so many stages
    backbone_rate : the learning rate of the pair network's or the finder's backbone, as a share of the rest's
    steps : optimiser steps; 0 counts `epochs`
    epochs : passes through the data
    batch : samples in a process at once
    accumulate : such batches in one step
    optimiser, learning_rate, weight_decay : ``adam`` or ``adamw``
    warmup_steps : steps over which the rate rises from 0
    schedule : ``epochs`` divides the rate by 10 at each of `rate_epochs`, ``cosine`` lets it fall to 1 % at the end
    precision : ``bf16`` computes the network, not the losses, in bfloat16
    ema : decay of the averaged weights, 0 for none
    gradient_clip : largest norm of the gradient, 0 for none
    authors_slips : repeat the errors of the authors' training that are named in reference/network.md
    framing : of drawn pictures: square crops round the hands, whole pictures, or half of each
    looks : how often the pair network and the finder use each drawn picture, seen in another way every time
    losses, extra_losses, pair_losses, finder_losses, augmentation : see there
    seed : of the first weights, the samples' order and the augmentation
    """

    name: str
    network: Literal["paper", "compact", "pair", "finder"] = "compact"
    use_attention: bool = True
    cascade_stages: int = 3
    picture_px: int = 256
    train: Literal["mesh", "heatmaps", "all"] = "all"
    freeze_backbone_norms: bool = False
    frozen_blocks: int = 0
    backbone_rate: float = 1.0
    steps: int = 0
    epochs: int = 1
    batch: int = 32
    accumulate: int = 1
    optimiser: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup_steps: int = 0
    schedule: Literal["epochs", "cosine"] = "cosine"
    rate_epochs: tuple[int, ...] = ()
    precision: Literal["fp32", "bf16"] = "fp32"
    ema: float = 0.0
    gradient_clip: float = 0.0
    authors_slips: bool = False
    framing: Literal["crop", "picture", "mixed"] = "crop"
    looks: int = 1
    losses: LossWeights = field(default_factory=LossWeights)
    extra_losses: ExtraLossWeights = field(default_factory=ExtraLossWeights)
    pair_losses: PairLossWeights = field(default_factory=PairLossWeights)
    finder_losses: FinderLossWeights = field(default_factory=FinderLossWeights)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    seed: int = 0

    def network_configuration(self) -> NetworkConfiguration:
        """What the network is made of."""
        base = {"paper": PAPER, "pair": PAIR}.get(self.network, COMPACT)
        return replace(
            base,
            use_attention=self.use_attention,
            cascade_stages=self.cascade_stages,
            picture_px=self.picture_px,
            heatmap_px=self.picture_px // (1 if self.network == "pair" else 4),
        )

    def to_json(self) -> str:
        """One line, complete."""
        return json.dumps(asdict(self))


def configuration_from_json(text: str) -> TrainingConfiguration:
    """Undoes `TrainingConfiguration.to_json`."""
    return _build(TrainingConfiguration, json.loads(text), "the run's configuration")


def named_configurations() -> list[str]:
    """What ``--config`` takes besides a file."""
    return sorted(path.stem for path in NAMED_DIR.glob(f"*{_SUFFIX}"))


def load_configuration(name_or_file: str, changes: Sequence[str] = ()) -> TrainingConfiguration:
    """Read a shipped configuration or a file.

    Parameters
    ----------
    name_or_file : ``paper``, ``compact``, or a TOML file
    changes : ``key=value`` or ``table.key=value`` each, the value in TOML

    Raises
    ------
    HandsError
        USAGE, naming the key
    """
    path = Path(name_or_file) if name_or_file not in named_configurations() else NAMED_DIR / (name_or_file + _SUFFIX)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise HandsError(
            ErrorCode.USAGE,
            f"There is no training configuration '{name_or_file}'.",
            f"Give a TOML file or one of: {', '.join(named_configurations())}.",
        ) from error
    except ValueError as error:  # TOML's or UTF-8's, or a number of thousands of digits
        raise HandsError(ErrorCode.USAGE, f"'{path.name}' is not a TOML file ({error}).", "Correct it.") from error
    for change in changes:
        _apply(content, change)
    return _checked(_build(TrainingConfiguration, {"name": path.stem, **content}, f"'{path.name}'"))


def _apply(content: dict[str, Any], change: str) -> None:
    key, separator, value = change.partition("=")
    if not separator:
        raise HandsError(ErrorCode.USAGE, f"'{change}' is not KEY=VALUE.", "For example: --set batch=8")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except ValueError:
        parsed = value.strip()  # a bare word is a string
    *tables, name = key.strip().split(".")
    for table in tables:
        content = content.setdefault(table, {})
        if not isinstance(content, dict):
            raise HandsError(ErrorCode.USAGE, f"'{change}': '{table}' is not a table.", "See docs/training.md.")
    content[name] = parsed


def _build(kind: type[Any], values: Mapping[str, Any], where: str) -> Any:
    """A dataclass from a mapping: unknown keys and wrong types are errors that name them."""
    types = get_type_hints(kind)
    unknown = set(values) - {entry.name for entry in fields(kind)}
    if unknown:
        raise HandsError(ErrorCode.USAGE, f"{where} has an unknown key '{min(unknown)}'.", "See docs/training.md.")
    built = {name: _converted(value, types[name], f"'{name}' in {where}") for name, value in values.items()}
    try:
        return kind(**built)
    except TypeError as error:
        raise HandsError(ErrorCode.USAGE, f"{where} is incomplete ({error}).", "See docs/training.md.") from error


def _converted(value: Any, kind: Any, where: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
        return _build(kind, value, where)
    if kind == tuple[int, ...] and isinstance(value, list) and all(type(item) is int for item in value):
        return tuple(value)
    if kind is float and type(value) is int:
        return float(value) if abs(value) < _LARGEST else (math.inf if value > 0 else -math.inf)
    choices = get_args(kind)
    if (choices and value in choices) or (isinstance(kind, type) and type(value) is kind):
        return value
    wanted = _KINDS.get(kind) or ("a table" if is_dataclass(kind) else f"one of {', '.join(map(str, choices))}")
    raise HandsError(ErrorCode.USAGE, f"{where} is {value!r}, but should be {wanted}.", "See docs/training.md.")


_KINDS: Final[Mapping[Any, str]] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple[int, ...]: "a list of whole numbers",
}
_LARGEST: Final = 2**63 - 1


class _Range(NamedTuple):
    """What a number may be: from `least` to `most`, without the ends where they are left out."""

    least: float = 0
    most: float = _LARGEST
    without_least: bool = False
    without_most: bool = False

    def holds(self, value: float) -> bool:
        """Whether it is one of these; no infinity is, and what is not a number is not."""
        if not self.least <= value <= self.most:
            return False
        return not (self.without_least and value == self.least) and not (self.without_most and value == self.most)

    def words(self) -> str:
        """To be put after "must be"."""
        start = f"above {self.least}" if self.without_least else f"{self.least} or more"
        if self.most == _LARGEST:
            return start
        if self.without_least:
            return f"{start} and at most {self.most}"
        return f"from {self.least} to {'below ' if self.without_most else ''}{self.most}"


_NOT_NEGATIVE: Final = _Range()
_CHANCE: Final = _Range(0, 1)
_BELOW_ONE: Final = _Range(0, 1, without_most=True)
_RANGES: Final[Mapping[str, _Range]] = {
    "cascade_stages": _Range(0, 3),
    "picture_px": _Range(64, 1024),
    "batch": _Range(1, 100_000),
    "accumulate": _Range(1, 100_000),
    "looks": _Range(1, 100),
    "learning_rate": _Range(without_least=True),
    "ema": _BELOW_ONE,
    "frozen_blocks": _Range(0, 14),
    "backbone_rate": _CHANCE,
    "augmentation.shift": _CHANCE,
    "augmentation.scale": _BELOW_ONE,  # at 1 a crop may have no side
    "augmentation.rotation_deg": _Range(0, 180),
    "augmentation.rotation_chance": _CHANCE,
    "augmentation.flip_chance": _CHANCE,
    "augmentation.colour": _BELOW_ONE,  # at 1 a channel may be black
    "augmentation.background": _CHANCE,
    "augmentation.strong": _CHANCE,
}
"""Of the numbers that may not be just anything from 0 up."""


def _checked(configuration: TrainingConfiguration) -> TrainingConfiguration:
    for key, value in _numbers(asdict(configuration)):
        allowed = _RANGES.get(key, _NOT_NEGATIVE)
        if not allowed.holds(value):
            raise _refused(f"{key} is {value}, but must be {allowed.words()}")
    for problem, found in _problems(configuration).items():
        if found:
            raise _refused(problem)
    return configuration


def _refused(problem: str) -> HandsError:
    return HandsError(ErrorCode.USAGE, f"Training configuration: {problem}.", "See docs/training.md.")


def _numbers(settings: Mapping[str, Any], table: str = "") -> Iterator[tuple[str, float]]:
    """Every number with its key, ``table.key`` in tables."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{table}{key}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield f"{table}{key}", value


def _problems(configuration: TrainingConfiguration) -> Mapping[str, bool]:
    """What may be wrong with settings that are right by themselves, and whether it is."""
    is_paper, extra = configuration.network == "paper", configuration.extra_losses
    heatmaps_alone = configuration.train == "heatmaps"
    rate_epochs = (0, *configuration.rate_epochs)
    return {
        "picture_px must be a multiple of 32": configuration.picture_px % 32 != 0,
        "the paper's pictures have 256 pixels": is_paper and configuration.picture_px != 256,
        "steps or epochs must be above 0": configuration.steps == configuration.epochs == 0,
        "rate_epochs must be above 0 and ascend": any(later <= earlier for earlier, later in pairwise(rate_epochs)),
        "extra_losses.heatmaps, extra_losses.depth and extra_losses.presence are for the compact network": is_paper
        and max(extra.heatmaps, extra.depth, extra.presence) > 0,
        "extra_losses are not for heat maps alone": heatmaps_alone and any(asdict(extra).values()),
        "all weights of losses and extra_losses are 0: nothing would be learned": not heatmaps_alone
        and not any((*asdict(configuration.losses).values(), *asdict(extra).values())),
        "the small backbone's heat maps are trained with the rest": not is_paper and configuration.train != "all",
        "freeze_backbone_norms is for the compact network": is_paper and configuration.freeze_backbone_norms,
        "frozen_blocks is for the pair network and the finder": configuration.network not in ("pair", "finder")
        and configuration.frozen_blocks != 0,
        "the finder can freeze 3 stages": configuration.network == "finder" and configuration.frozen_blocks > 3,
        "backbone_rate is for the pair network and the finder": configuration.network not in ("pair", "finder")
        and configuration.backbone_rate != 1,
        "looks is for the pair network and the finder": configuration.network not in ("pair", "finder")
        and configuration.looks != 1,
        "the pair network has neither heat maps nor depth maps (extra_losses), and its presence is in pair_losses": (
            configuration.network == "pair" and max(extra.heatmaps, extra.depth, extra.presence) > 0
        ),
    }
