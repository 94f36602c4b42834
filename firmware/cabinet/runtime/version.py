"""The version of the firmware, in a module of its own so that the bench need not load the whole cabinet to ask for it."""

VERSION = "0.1.0"
