"""What the network is made of: one dataclass, two named configurations, and switches for the paper's ablations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

BackboneName = Literal["resnet50", "efficientnet_lite0"]


@dataclass(frozen=True)
class NetworkConfiguration:
    """The network's parts and sizes.

    Parameters
    ----------
    name : what a checkpoint calls it
    backbone : the picture encoder; ``resnet50`` runs twice (heat maps, mesh), the small one is shared by both
    picture_px : side of the square input
    heatmap_px : side of the heat maps
    heatmap_depth : depth bins of a joint's volume; 1 means 2.5-D heat maps (a map and a depth map a joint)
    use_attention : multiply the first features by the hands' heat-map attention (the paper's section 3.2)
    cascade_stages : 0 to 3 refinement stages (the paper's section 3.3)
    """

    name: str
    backbone: BackboneName
    picture_px: int = 256
    heatmap_px: int = 64
    heatmap_depth: int = 64
    use_attention: bool = True
    cascade_stages: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.cascade_stages <= 3:
            raise ValueError(f"The network has 0 to 3 refinement stages, not {self.cascade_stages}.")


PAPER: Final = NetworkConfiguration(name="paper", backbone="resnet50")
COMPACT: Final = NetworkConfiguration(name="compact", backbone="efficientnet_lite0", heatmap_depth=1)
