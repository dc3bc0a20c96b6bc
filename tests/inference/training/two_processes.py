"""Run by torchrun in test_distributed: a few steps of the compact network; each process keeps what it ended with.

Arguments: folder of the made-up set, folder of the runs, folder for the results, and the run's name: ``run`` is made in
one go, and left as it was after its first step as ``cut``; ``cut`` goes on from there.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import torch

from inference.datasets import SampleFilter, open_interhand
from inference.training.distributed import join_world
from inference.training.start import make_trainer
from inference.training.trainer import Limits
from tests.inference.training.made_run import silent, small
from tests.made_interhand import MODELS


def main() -> None:
    data, out, results = map(Path, sys.argv[1:4])
    name = sys.argv[4]
    torch.set_num_threads(1)
    with join_world() as world:
        with world.first_alone():
            dataset: Any = open_interhand(
                data, "train", MODELS, wanted=SampleFilter("both"), report=silent, index_base=out / "index"
            )
        trainer = make_trainer(small("steps=2", "batch=1"), dataset, out / name, world, start="random")
        if name == "run":
            trainer.run(Limits(steps=1), silent)
            gradients = {
                name: value.grad for name, value in trainer.network.named_parameters() if value.grad is not None
            }
            first = {"weights": trainer.network.state_dict(), "gradients": gradients}
            torch.save(first, results / f"first{world.rank}.pt")
            if world.is_first:
                shutil.copytree(out / "run", out / "cut")
        assert trainer.step == 1
        trainer.run(Limits(), silent)
        torch.save({"weights": trainer.network.state_dict()}, results / f"last_{name}{world.rank}.pt")


if __name__ == "__main__":
    main()
