"""Recipe, loop and checkpoints: one network, one seed."""
