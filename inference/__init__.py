"""Two-hand reconstruction: pictures in, a take (`NAME.hands.npz`) out.

Importing this package costs nothing; each subpackage says what it needs. Blender's side imports `contract` and
`hands` (numpy only) from here and starts everything else as a subprocess (``python -m inference``).
"""

__version__ = "0.1.0"
