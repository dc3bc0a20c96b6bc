"""The scene of the demo picture and clip: two hands, a room, a phone's camera (see ``tools/render_demo.py``)."""
