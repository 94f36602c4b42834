"""The tables of docs/devices.md are those of the registry; each class of a row is held against its contract by the type checker."""

import ast

from cabinet.startup import driver_registry
from swapcab.bench import drivers
from swapcab.docs import devices
from swapcab.paths import ROOT
from swapcab.settings import template

CONTRACTS = {"pack": {"Pack"}, "charger": {"Charger"}, "io": {"LockBoard"}, "inputs": {"Inputs"}}


def test_the_devices_page_is_current():
    text = devices.TARGET.read_text()
    assert text == devices.render(text), "run python -m swapcab.docs.devices"
    for row in driver_registry.DRIVERS:
        assert text.count(f"\n| `{row.name}` |") == 1


def held() -> dict[str, set[str]]:
    """Class -> contracts that the type checker holds it against."""
    tree = ast.parse((ROOT / "firmware/cabinet/startup/driver_registry.py").read_text())
    found: dict[str, set[str]] = {}
    for block in (node for node in tree.body if isinstance(node, ast.If)):
        for line in (node for node in block.body if isinstance(node, ast.AnnAssign)):
            assert isinstance(line.annotation, ast.Constant)
            contract = str(line.annotation.value).rpartition("contract.")[2].split("]")[0]
            for name in (node.id for node in ast.walk(line) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)):
                found.setdefault(name, set()).add(contract)
    return found


def test_the_type_checker_holds_every_class_of_a_row_against_all_that_its_row_claims():
    found = held()
    for row in driver_registry.DRIVERS + driver_registry.PROFILES:
        wanted = set(CONTRACTS[row.section])
        if row.needs_mains_relay:
            wanted = {"GuardedCharger"}
        if row.feels_latches:
            wanted = {"LatchBoard"}
        if row.reads_switches:
            wanted = {"LockBoard", "Inputs"}
        names = " and ".join(f"contract.{name}" for name in sorted(wanted))
        said = f"the block for the type checker in driver_registry.py wants {row.made} as {names}"
        assert found.pop(row.made, set()) == wanted, said
    assert not found, f"no row has {sorted(found)}"


def test_the_bench_learns_the_identifiers_of_a_charger_from_its_driver():
    groups = template.settings(6, npb=2)["groups"]
    assert drivers.status_ids(groups, "can") == {slot: (0x18FF5000 | 0xA0 + slot,) for slot in range(3, 7)}
    assert drivers.status_ids(groups, "packs") == {}
    assert {row.name for _slot, row, _address in drivers.on_bus(groups, "charger", "can")} == {"elcon", "npb"}
