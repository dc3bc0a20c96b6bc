"""What the network is made of: one dataclass, two named configurations, and switches for the paper's ablations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

BackboneName = Literal["resnet50", "efficientnet_lite0", "hand_landmark"]
GlobalRotation = Literal["rotvec", "columns"]
StageOutput = Literal["replaces", "corrects"]
AttentionPooling = Literal["nearest_mean", "weighted_mean"]


@dataclass(frozen=True)
class NetworkConfiguration:
    """The network's parts and sizes. The defaults are the paper's.

    Parameters
    ----------
    name : what a checkpoint calls it
    backbone : the picture encoder; ``resnet50`` runs twice (heat maps, mesh), the small one is shared by both;
        ``hand_landmark`` reads each hand in a crop of its own (`PairNet`)
    picture_px : side of the square input
    heatmap_px : side of the heat maps
    heatmap_depth : depth bins of a joint's volume; 1 means 2.5-D heat maps (a map a joint, and its depth as a number)
    use_attention : look where the hands are: heat-map attention on the first features, projected joints on those of
        the cascade (the paper's section 3.2)
    cascade_stages : 0 to 3 refinement stages (the paper's section 3.3)
    feature_channels : width of the vector that every stage reads
    branch_channels : width of the hidden layers of every pose and shape branch
    global_rotation : how a hand's global rotation is regressed: as a rotation vector, or as the first two columns of
        its matrix (continuous: a rotation vector jumps at half a turn, and hands are seen from every side)
    stage_output : whether a refinement stage replaces the previous pose and shape or is added to it
    attention_pooling : the first features times the nearest pixel of the attention, averaged; or averaged with the
        largest attention in each cell as the weight
    reads_joints : the branches also read where the heat maps put both hands' joints
    """

    name: str
    backbone: BackboneName
    picture_px: int = 256
    heatmap_px: int = 64
    heatmap_depth: int = 64
    use_attention: bool = True
    cascade_stages: int = 3
    feature_channels: int = 2048
    branch_channels: int = 512
    global_rotation: GlobalRotation = "rotvec"
    stage_output: StageOutput = "replaces"
    attention_pooling: AttentionPooling = "nearest_mean"
    reads_joints: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.cascade_stages <= 3:
            raise ValueError(f"The network has 0 to 3 refinement stages, not {self.cascade_stages}.")
        if (self.backbone == "resnet50") == (self.heatmap_depth == 1):
            raise ValueError("ResNet-50 goes with heat-map volumes, the others with a depth of 1.")


PAPER: Final = NetworkConfiguration(name="paper", backbone="resnet50")
COMPACT: Final = NetworkConfiguration(
    name="compact",
    backbone="efficientnet_lite0",
    heatmap_depth=1,
    feature_channels=512,
    branch_channels=384,
    global_rotation="columns",
    stage_output="corrects",
    attention_pooling="weighted_mean",
    reads_joints=True,
)
"""The paper's parts at a tenth of its size, for training on pictures of our own."""

PAIR: Final = NetworkConfiguration(
    name="pair",
    backbone="hand_landmark",
    picture_px=224,
    heatmap_px=224,
    heatmap_depth=1,
    feature_channels=384,
    branch_channels=384,
    global_rotation="columns",
    stage_output="corrects",
    attention_pooling="weighted_mean",
    reads_joints=True,
)
"""The paper's attention and cascade on crops of single hands; its "peaks" are in pixels of the whole picture."""
