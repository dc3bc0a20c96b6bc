"""From measured frames to an animation: gaps, signs. Needs numpy alone; Blender's side uses it too."""
