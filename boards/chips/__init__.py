"""Drivers of chips that several boards share, and what boards do alike. Chips get their bus, pins and clock handed in; only gpio_board
imports `machine`."""
