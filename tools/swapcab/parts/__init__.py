"""The parts that a release is made of: pins with hashes, and the list that goes with it."""
