"""A training run's settings: a TOML file, checked, with two named ones shipped beside this file."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_type_hints

from ..contract import ErrorCode, HandsError
from ..networks.configuration import COMPACT, PAPER, NetworkConfiguration
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
    network : ``paper`` or ``compact``
    use_attention, cascade_stages : the paper's ablations
    picture_px : side of the network's input, a multiple of 32; the paper's is 256
    train : ``mesh``: the heat-map net is kept, as the authors do (its batch norms' statistics still drift);
        ``heatmaps``: the heat-map net alone, with InterNet's losses; ``all``
    freeze_backbone_norms : keep the ImageNet statistics of the small backbone
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
    losses, extra_losses, augmentation : see there
    seed : of the first weights, the samples' order and the augmentation
    """

    name: str
    network: Literal["paper", "compact"] = "compact"
    use_attention: bool = True
    cascade_stages: int = 3
    picture_px: int = 256
    train: Literal["mesh", "heatmaps", "all"] = "all"
    freeze_backbone_norms: bool = False
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
    losses: LossWeights = field(default_factory=LossWeights)
    extra_losses: ExtraLossWeights = field(default_factory=ExtraLossWeights)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    seed: int = 0

    def network_configuration(self) -> NetworkConfiguration:
        """What the network is made of."""
        base = PAPER if self.network == "paper" else COMPACT
        return replace(
            base,
            use_attention=self.use_attention,
            cascade_stages=self.cascade_stages,
            picture_px=self.picture_px,
            heatmap_px=self.picture_px // 4,
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
    path = NAMED_DIR / (name_or_file + _SUFFIX)
    if not path.is_file():
        path = Path(name_or_file)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HandsError(
            ErrorCode.USAGE,
            f"There is no training configuration '{name_or_file}'.",
            f"Give a TOML file or one of: {', '.join(named_configurations())}.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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
    except tomllib.TOMLDecodeError:
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
    if kind == tuple[int, ...] and isinstance(value, list) and all(isinstance(item, int) for item in value):
        return tuple(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    choices = get_args(kind)
    if (choices and value in choices) or (isinstance(kind, type) and type(value) is kind):
        return value
    wanted = f"one of {', '.join(map(str, choices))}" if choices and kind != tuple[int, ...] else str(kind)
    raise HandsError(ErrorCode.USAGE, f"{where} is {value!r}, but should be {wanted}.", "See docs/training.md.")


def _checked(configuration: TrainingConfiguration) -> TrainingConfiguration:
    problems = {
        "cascade_stages must be 0 to 3": not 0 <= configuration.cascade_stages <= 3,
        "picture_px must be a multiple of 32 from 64 up": configuration.picture_px < 64
        or configuration.picture_px % 32 != 0,
        "the paper's pictures have 256 pixels": configuration.network == "paper" and configuration.picture_px != 256,
        "batch and accumulate must be at least 1": min(configuration.batch, configuration.accumulate) < 1,
        "steps or epochs must be above 0": max(configuration.steps, configuration.epochs) <= 0
        or min(configuration.steps, configuration.epochs) < 0,
        "ema must be from 0 to below 1": not 0 <= configuration.ema < 1,
        "learning_rate must be above 0": not 0 < configuration.learning_rate < math.inf,
        "warmup_steps, weight_decay, gradient_clip and seed must not be negative": min(
            configuration.warmup_steps, configuration.weight_decay, configuration.gradient_clip, configuration.seed
        )
        < 0,
        "extra_losses.heatmaps and extra_losses.depth are for the compact network": configuration.network == "paper"
        and max(configuration.extra_losses.heatmaps, configuration.extra_losses.depth) > 0,
        "the small backbone's heat maps are trained with the rest": configuration.network == "compact"
        and configuration.train != "all",
        "freeze_backbone_norms is for the compact network": configuration.network == "paper"
        and configuration.freeze_backbone_norms,
    }
    for problem, found in problems.items():
        if found:
            raise HandsError(ErrorCode.USAGE, f"Training configuration: {problem}.", "See docs/training.md.")
    return configuration
