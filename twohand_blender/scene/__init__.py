"""Arrays to Blender data: `build.build_take` makes everything, a file per concept."""
