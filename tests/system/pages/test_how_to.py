"""Each page of docs/how-to does what it says: its steps are applied to a copy of the tree, its commands run there."""

from pathlib import Path

import pytest
from walk_page import PageError, Walk

from swapcab.paths import ROOT

PAGES = sorted(path for path in (ROOT / "docs" / "how-to").glob("*.md") if path.name != "README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_steps_of_the_page_work(page: Path, tmp_path: Path) -> None:
    walk = Walk(page, tmp_path)
    walk.run()
    core = [path for path in walk.touched if path.startswith("firmware/cabinet/core/")]
    if page.stem in ("charger", "board"):
        assert core == [] and "firmware/cabinet/app.py" not in walk.touched


def test_there_are_the_five_pages_and_the_contents_name_each() -> None:
    assert [page.stem for page in PAGES] == ["board", "charger", "command", "event", "rule"]
    contents = (ROOT / "docs" / "how-to" / "README.md").read_text()
    assert all(f"({page.name})" in contents for page in PAGES)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("```diff README.md\n no such line\n+new\n```\n", "0 times"),
        ("```sh\nexit 3\n```\n", "ended with 3"),
        ("```console\n$ true\n```\n", "should fail"),
        ("```console\n$ echo one; false\ntwo\n```\n", "lacks 'two'"),
        ("nothing to do\n", "has no steps"),
    ],
)
def test_a_page_that_is_stale_is_noticed(block: str, said: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(block)
    with pytest.raises(PageError, match=said):
        Walk(page, tmp_path).run()
