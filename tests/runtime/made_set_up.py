"""A whole set up of tiny wheels in a folder of a test's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.extension_package import extension_module
from tests.runtime.made_wheels import make_wheel, write_lock, write_program

lock_module = extension_module("twohand_blender.runtime.lock")
plan_module = extension_module("twohand_blender.runtime.plan")
set_up_module = extension_module("twohand_blender.runtime.set_up")
state_module = extension_module("twohand_blender.runtime.state")
environment = extension_module("twohand_blender.runtime.environment")
TARGET = extension_module("twohand_blender.runtime.target").this_target()
Standing = state_module.RuntimeStanding


class MadeSetUp:
    """Three wheels `alpha`, `beta` and, in the variant research, `gamma`.

    Parameters
    ----------
    folder : of the test
    wheels : folder of the wheels
    address : where they are served
    noise : content that makes them long
    """

    def __init__(self, folder: Path, wheels: Path, address: str = "http://127.0.0.1:1", noise: bytes = b"") -> None:
        self.wheels = wheels
        self.runtime = folder / "runtime ü 'quoted'"
        self.program = write_program(folder / "program", ["alpha", "beta"])
        names = ("alpha", "beta", "gamma")
        files = [
            make_wheel(wheels, name, files={f"{name}/__init__.py": b"", f"{name}/noise.bin": noise}) for name in names
        ]
        variants = {"cpu": files[:2], "research": files}
        self.lock_path = write_lock(folder / "lock.json", TARGET.name, variants, address)
        self.lock = lock_module.read_lock(self.lock_path)

    @property
    def site_packages(self) -> Path:
        """Of the environment."""
        return environment.site_packages_in(self.runtime, TARGET.python)

    def plan(self, variant: str = "cpu", *, wheels_folder: Path | None = None) -> Any:
        """The plan as things are now."""
        python = Path(sys.executable)
        return plan_module.make_plan(self.lock, TARGET, python, self.runtime, variant, wheels_folder=wheels_folder)

    def set_up(self, variant: str = "cpu", *, online: bool = True, wheels_folder: Path | None = None) -> list[Any]:
        """Carry it out; the progress records."""
        records: list[Any] = []
        plan = self.plan(variant, wheels_folder=wheels_folder)
        set_up_module.set_up(plan, self.lock, self.program, records.append, online=online)
        return records

    def state(self) -> Any:
        """How the environment stands."""
        return state_module.read_state(self.runtime, self.lock, TARGET)
