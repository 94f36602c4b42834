"""The first file of an emulated board: its names are those of the prompt, so it has none of its own."""

__import__("board_start").power_on(globals())
