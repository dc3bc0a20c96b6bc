"""The MANO-layout hand: joint orders, rotations, model, posing. Everything but `torch_layer` needs numpy alone."""
