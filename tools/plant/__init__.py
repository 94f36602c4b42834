"""The simulated world outside the controller: packs, chargers, slots, riders, and the wires to them."""
