"""The firmware on an emulated Cortex-M core: MicroPython's QEMU port, built from Debian's source package, under qemu-system-arm."""
