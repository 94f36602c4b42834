"""What the controller runs: read the settings, pick the board, start. Without good settings nothing is energised."""

import asyncio
import gc
import hashlib
import sys
from binascii import hexlify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.app import App

EXIT_SETTINGS = 64
EXIT_FAILED = 70

# While the firmware starts, garbage is collected this often: what stays lies close together, and the heap keeps large free blocks.
START_THRESHOLD_BYTES = 4096

# read once; their tables would only take up memory while the cabinet runs
ONLY_AT_START = (
    "cabinet.devices.profiles.reader",
    "cabinet.config", "cabinet.core.rule_table", "cabinet.core.option_table", "cabinet.store.recovery", "cabinet.trust.sealed")


def _let_go() -> None:
    for name in ONLY_AT_START:
        module = sys.modules.pop(name, None)
        if module is None:
            continue
        package, _, last = name.rpartition(".")
        if hasattr(sys.modules.get(package), last):
            delattr(sys.modules[package], last)
        for attribute in dir(module):  # a stale pointer on the stack may still hold the module, but then it holds nothing
            if not attribute.startswith("__"):
                delattr(module, attribute)
    gc.collect()


def _read(path: str, most: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(most + 1)


def _secrets(folder: str, most: int) -> bytes:
    try:
        return _read(folder + "/secrets.json", most)
    except OSError:
        sealed = _read(folder + "/secrets.sealed", most)
    import machine

    from cabinet.trust.sealed import unseal

    return unseal(sealed, machine.unique_id())


def load(folder: str) -> "tuple | None":
    """(settings, secrets, hash of the settings) from settings.json and secrets.json in `folder`; None, and the reason printed."""
    from cabinet import config

    try:
        text = _read(folder + "/settings.json", config.MAX_BYTES)
        digest = hexlify(hashlib.sha256(text).digest()[:4]).decode()
        settings = config.parse(text)
        if settings.profiles:
            from cabinet.devices.profiles import reader

            reader.load(settings, lambda name: _read(folder + "/" + name, config.MAX_BYTES), config.SettingsError)
        secrets = config.parse_secrets(_secrets(folder, config.MAX_BYTES))
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


def build(folder: str) -> "App | None":
    """The application whose settings stand in `folder`; None if they are wrong.

    A function of its own: as long as a frame lives, what its expressions have touched is not collected, and the settings and the
    module that checks them take up 40 KB.
    """
    loaded = load(folder)
    if loaded is None:
        return None
    _let_go()
    from board import Board
    from cabinet.app import App

    return App(Board(folder), *loaded)


def main(folder: str) -> int:
    """Run the cabinet whose settings stand in `folder`; returns an exit code."""
    gc.threshold(START_THRESHOLD_BYTES)
    app = build(folder)
    if app is None:
        return EXIT_SETTINGS
    _let_go()
    gc.threshold(-1)  # from here on the gauge collects, between control rounds
    failed = asyncio.run(app.run())
    print("stopped, the watchdog resets the controller: %s" % failed)
    return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "/"))
