"""Annotated pictures of hands, from the layouts they come in."""

from .dataset import INTERACTING, KINDS, GroundTruth, HandDataset, HandKind, Intrinsics, ModelParameters
from .interhand import InterHandDataset, SampleFilter, open_interhand
from .pictures import BrokenPictures, PictureReader

__all__ = [
    "INTERACTING",
    "KINDS",
    "BrokenPictures",
    "GroundTruth",
    "HandDataset",
    "HandKind",
    "InterHandDataset",
    "Intrinsics",
    "ModelParameters",
    "PictureReader",
    "SampleFilter",
    "open_interhand",
]
