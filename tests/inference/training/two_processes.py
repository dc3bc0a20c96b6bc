"""Run by torchrun in test_distributed: a few steps of the compact network; each process keeps what it ended with.

Arguments: folder of the made-up set, folder of the run, folder for the results.
"""

from __future__ import annotations

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
    torch.set_num_threads(1)
    with join_world() as world:
        with world.first_alone():
            dataset: Any = open_interhand(
                data, "train", MODELS, wanted=SampleFilter("both"), report=silent, index_base=out / "index"
            )
        trainer = make_trainer(small("steps=2", "batch=1"), dataset, out / "run", world, start="random")
        trainer.run(Limits(steps=1), silent)
        gradients = {name: value.grad for name, value in trainer.network.named_parameters() if value.grad is not None}
        torch.save({"weights": trainer.network.state_dict(), "gradients": gradients}, results / f"first{world.rank}.pt")
        trainer.run(Limits(), silent)
        torch.save({"weights": trainer.network.state_dict()}, results / f"last{world.rank}.pt")


if __name__ == "__main__":
    main()
