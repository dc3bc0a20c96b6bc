"""What the paper's parts are worth: the same training with more and more of them, each tested by the same rules."""
