"""Each decision says what was chosen, what was measured and what would change our mind, and the commands that it prints work."""

import re
import subprocess
from pathlib import Path

import pytest

from swapcab.paths import ROOT

FOLDER = ROOT / "docs" / "decisions"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_decision_is_half_a_page_with_its_figures(page: Path) -> None:
    text = page.read_text()
    assert all(f"**{part}" in text for part in ("Choice.", "Why", "Measured.", "What would change our mind."))
    assert len(text.splitlines()) <= 40
    assert re.search(r"`(make|swapcab) |```sh", text), "a command that prints the figures"
    assert f"({page.name})" in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_decision_work(page: Path) -> None:
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        done = subprocess.run(["sh", "-c", block], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and re.search(r"\d", done.stdout), done.stderr
