"""The add-on in a real Blender with a window; how to run it: ``docs/gui-test.md``."""
