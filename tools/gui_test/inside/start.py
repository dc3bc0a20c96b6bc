"""Blender starts here (``--python``): run the scenario that the command line names, a step at a time, by a timer."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import scenarios
from pointer import CONTEXT
from report import say

LONGEST_PAUSE_S = 10.0


def main() -> None:
    """Set Blender up as the test needs it and start the scenario."""
    view = CONTEXT.preferences.view
    view.show_splash = False
    view.filebrowser_display_type = "SCREEN"  # a second window could not be sent events from here
    steps = getattr(scenarios, sys.argv[sys.argv.index("--") + 1])()

    def tick() -> float | None:
        try:
            return min(next(steps), LONGEST_PAUSE_S)
        except StopIteration:
            say("END")
            bpy.ops.wm.quit_blender()
        except BaseException as error:  # whatever it is, Blender must end and the log must say why
            traceback.print_exc()
            say(f"FAILED {type(error).__name__}: {error}")
            os._exit(4)
        return None

    bpy.app.timers.register(tick, first_interval=1.0, persistent=True)


main()
