"""The host command line of Swapcab."""
