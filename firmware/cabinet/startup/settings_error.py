"""The error of a wrong setting. In a file of its own, because every part of the settings check raises it."""

import json

MISSING = object()  # the value of a setting that is not there; None is JSON's null
NO_VALUE = object()  # the mistake is no value, or its value may be a secret; the third argument says all of it
_MOST_SHOWN = 60  # characters


class SettingsError(ValueError):
    """A setting is wrong: `path` names it, the text shows its value and says what is allowed and what to do."""

    def __init__(self, path: str, value: object, allowed: str) -> None:
        if value is MISSING:
            text = "%s is missing; needed: %s" % (path, allowed)
        elif value is NO_VALUE:
            text = "%s: %s" % (path, allowed)
        else:
            shown = json.dumps(value) if value is None or isinstance(value, (str, int, bool, list, dict)) else str(value)
            if len(shown) > _MOST_SHOWN:
                shown = shown[: _MOST_SHOWN - 3] + "..."
            text = "%s: %s is not allowed here; allowed: %s" % (path, shown, allowed)
        super().__init__(text)
        self.path = path
