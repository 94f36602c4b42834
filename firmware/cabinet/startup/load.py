"""Read what the cabinet is to know at its start: settings, secrets, certificates. Not kept in memory afterwards."""

import hashlib
from binascii import hexlify

from cabinet.startup import settings as config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def _read(path: str, most: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(most + 1)


def _secrets(folder: str, most: int, unique_id: "Callable[[], bytes]") -> bytes:
    try:
        return _read(folder + "/secrets.json", most)
    except OSError:
        sealed = _read(folder + "/secrets.sealed", most)
    from cabinet.trust.sealed import unseal

    return unseal(sealed, unique_id())


def load(folder: str, unique_id: "Callable[[], bytes]") -> "tuple | None":
    """(settings, secrets, hash of the settings) from settings.json and secrets.json in `folder`; None, and the reason printed.

    `unique_id` returns the chip's own number, with which secrets may be sealed.
    """
    try:
        text = _read(folder + "/settings.json", config.MAX_BYTES)
        digest = hexlify(hashlib.sha256(text).digest()[:4]).decode()
        settings = config.parse(text)
        if settings.profiles:
            from cabinet.devices.profiles import reader

            reader.load(settings, lambda name: _read(folder + "/" + name, config.MAX_BYTES), config.SettingsError)
        secrets = config.parse_secrets(_secrets(folder, config.MAX_BYTES, unique_id))
        if settings.uplink.tls == "on":
            for name in ("ca", "cert", "key"):
                file = getattr(settings.uplink, name + "_file")
                if file:
                    setattr(secrets, "uplink_" + name, _read(folder + "/" + file, config.MAX_BYTES))
        return settings, secrets, digest
    except OSError as error:
        print(
            "cannot read the settings in %s: error %s. Copy settings.json, secrets.json and, for TLS, the certificates there."
            % (folder, error.errno)
        )
    except ValueError as error:  # a SettingsError, too
        print("settings: %s" % error)
    return None
