"""Drivers of chips that several boards share. They get their bus, pins and clock handed in and never import `machine`."""
