"""What the controller runs: read the settings, pick the board, start. Without good settings nothing is energised."""

import asyncio
import sys

from board import Board

from cabinet import config
from cabinet.app import App

EXIT_SETTINGS = 64
EXIT_FAILED = 70


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(config.MAX_BYTES + 1)


def main(folder: str) -> int:
    """Run the cabinet whose settings.json and secrets.json stand in `folder`; returns an exit code."""
    try:
        settings_text = _read(folder + "/settings.json")
        settings = config.parse(settings_text)
        secrets = config.parse_secrets(_read(folder + "/secrets.json"))
    except OSError as error:
        print("cannot read the settings in %s: error %s. Copy settings.json and secrets.json there." % (folder, error.errno))
        return EXIT_SETTINGS
    except config.SettingsError as error:
        print("settings: %s" % error)
        return EXIT_SETTINGS
    app = App(Board(folder), settings, secrets, settings_text)
    failed = asyncio.run(app.run())
    print("stopped, the watchdog resets the controller: %s" % failed)
    return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "/"))
