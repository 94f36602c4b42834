"""Packs whose protocol is a data file: the compiled profile, its interpreter, and one driver for each kind of bus (docs/profiles.md)."""
