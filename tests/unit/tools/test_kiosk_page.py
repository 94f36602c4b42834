"""docs/kiosk.md shows lines as the terminal gets them."""

import re

from cabinet.core import reason_codes
from swapcab.paths import ROOT


def test_the_sentences_of_the_page_are_those_of_the_firmware() -> None:
    shown = re.findall(r"^S:(\d+):(\w+):(.+)$", (ROOT / "docs" / "kiosk.md").read_text(), re.MULTILINE)
    assert len(shown) > 3
    for slot, code, sentence in shown:
        assert reason_codes.sentence(code, int(slot)) == sentence
