"""The licences of the files that users bring themselves: what they say in one sentence, and where they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Licence:
    """A licence that must be accepted before a file under it is imported.

    Parameters
    ----------
    name : as it is recorded with the imported file and in takes
    terms : what it allows, in a sentence for the person who is asked
    addresses : where the whole text is
    """

    name: str
    terms: str
    addresses: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"name": self.name, "terms": self.terms, "addresses": list(self.addresses)}


_MANO_ADDRESS: Final = "https://mano.is.tue.mpg.de/license.html"

MANO: Final = Licence(
    name="MANO licence (Max Planck; non-commercial scientific research)",
    terms="The hand model MANO is for non-commercial scientific research only, and may not be passed on to others.",
    addresses=(_MANO_ADDRESS,),
)
INTERSHAPE: Final = Licence(
    name="InterShape weights (non-commercial research; InterHand2.6M CC-BY-NC-4.0, MANO licence)",
    terms="The authors' network was trained on InterHand2.6M, which is for non-commercial use only (CC-BY-NC 4.0), and "
    "carries the hand model MANO, which is for non-commercial scientific research only; it may not be passed on.",
    addresses=(
        "https://github.com/iscas3dv/Two-Hand-Shape-Pose_v2",
        "https://mks0601.github.io/InterHand2.6M/",
        "https://creativecommons.org/licenses/by-nc/4.0/legalcode",
        _MANO_ADDRESS,
    ),
)
