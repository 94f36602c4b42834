"""docs/settings.md says what config.py checks."""

from swapcab.docs import settings as gen_settings


def test_the_settings_page_is_current():
    assert gen_settings.TARGET.read_text() == gen_settings.render(), "run python -m swapcab.docs.settings"


def test_every_setting_is_explained():
    page = gen_settings.TARGET.read_text()
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `") and line.count("|") == 5]
    assert len(rows) > 40
    assert all(row[2].strip() and row[4].strip() for row in rows)
