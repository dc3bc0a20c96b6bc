"""From measured frames to an animation: gaps, smoothing. Needs numpy alone; Blender's side uses it too."""
