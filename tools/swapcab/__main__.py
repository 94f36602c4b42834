"""`python -m swapcab`."""

from swapcab.cli import main

main()
