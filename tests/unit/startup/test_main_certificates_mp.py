"""The files of TLS lie beside the settings and are read at start."""

import json
import os

from test_settings import example

from cabinet.startup import load

FILES = {"ca.pem": b"authority", "cabinet.pem": b"certificate", "cabinet.key": b"key"}


def folder():
    """Settings with TLS, in a folder of their own."""
    path = "/tmp/swapcab-main-%s" % os.urandom(4).hex()
    os.mkdir(path)
    tree = example()
    tree["uplink"].update({"tls": "on", "ca_file": "ca.pem", "cert_file": "cabinet.pem", "key_file": "cabinet.key"})
    written = dict(FILES)
    written["settings.json"] = json.dumps(tree).encode()
    written["secrets.json"] = json.dumps({"fleet_master": "11" * 32, "device_key": "22" * 32}).encode()
    for name, content in written.items():
        with open(path + "/" + name, "wb") as file:
            file.write(content)
    return path, list(written)


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
