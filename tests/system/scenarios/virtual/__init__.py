"""The simulation on virtual time; see docs/simulation.md. Runs under MicroPython."""
