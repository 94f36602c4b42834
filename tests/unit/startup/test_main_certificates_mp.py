"""The files of TLS lie beside the settings and are read at start."""

import os

from settings_folder import folder

from cabinet.startup import load


def test_authority_certificate_and_key_are_read_and_a_missing_one_ends_the_start():
    path, names = folder()
    try:
        settings, secrets, _ = load.load(path, bytes)
        assert (secrets.uplink_ca, secrets.uplink_cert, secrets.uplink_key) == (b"authority", b"certificate", b"key")
        names.remove("cabinet.key")
        os.remove(path + "/cabinet.key")
        assert load.load(path, bytes) is None
    finally:
        for name in names:
            os.remove(path + "/" + name)
        os.rmdir(path)
