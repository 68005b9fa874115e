"""Loss functions shared by the systems: pure functions on tensors, with masks for unknown labels."""
