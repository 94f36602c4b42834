"""What the firmware takes from the module `micropython`, for CPython."""


def const(value):
    """The value itself."""
    return value


def native(function):
    """The function itself: CPython has no native emitter to choose."""
    return function


viper = native


def opt_level(level=None):
    """CPython fixes its level at start."""
    return 0


def mem_info(verbose=0):
    """Nothing to tell."""


def kbd_intr(char):
    """CPython keeps its own keyboard interrupt."""


def schedule(function, argument):
    """At once: there is no interrupt to leave first."""
    function(argument)


def alloc_emergency_exception_buf(size):
    """CPython needs none."""
