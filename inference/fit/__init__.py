"""From observed landmarks to the pose, shape and place of the hand model."""
