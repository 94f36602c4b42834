"""docs/plant.md names what the code has."""

from pathlib import Path

from plant import auditor
from plant.cabinet_world import DANGERS, FAULTS, RIDER_KINDS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "plant.md").read_text()


def test_every_invariant_of_the_auditor_stands_in_the_page() -> None:
    for name, grace, _, meaning in auditor.FLOWING + auditor.ENERGISED:
        assert f"| `{name}` | {grace:g} s | {meaning} |" in PAGE
    for name, meaning in auditor.EVENTS:
        assert f"| `{name}` | at once | {meaning} |" in PAGE


def test_every_fault_danger_and_kind_of_rider_stands_in_the_page() -> None:
    for word in (*FAULTS, *DANGERS, *RIDER_KINDS):
        assert word in PAGE, word
