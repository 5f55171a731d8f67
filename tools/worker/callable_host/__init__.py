"""Runs a Python callable on torch tensors, in a process of its own. The judge is on the other side
of the pipe: what is right is not known here."""
