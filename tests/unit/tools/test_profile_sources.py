"""Readable profiles: those that ship are right, mistakes are named with place and remedy, and the compiled form keeps what was said."""

from __future__ import annotations

import ast
import copy
from typing import Any

import pytest

from cabinet.devices.profiles import form, reader
from swapcab.paths import ROOT
from swapcab.profile.compile import compiled
from swapcab.profile.source import FOLDER, ProfileMistake, check, find, load
from swapcab.profile.text import text

RUNTIME = sorted((ROOT / "firmware/cabinet/devices/profiles").glob("*.py")) + [ROOT / "firmware/cabinet/bus/framed_bus.py"]
SHIPPED = sorted(path.stem for path in FOLDER.glob("*.json"))


def test_eight_profiles_ship() -> None:
    assert SHIPPED == ["daly-can", "daly-rs485", "jbd-can", "jbd-rs485", "jk-pb-bus", "jk-pb-modbus", "pylontech-can", "swap-80"]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_profile_is_right_named_sourced_and_honest_about_proof(name: str) -> None:
    tree = load(find(name))
    checked = check(tree)
    profile = reader.read(compiled(checked))
    assert profile.name == name == tree["name"]
    assert tree["sources"] and any("cannot prove itself" in note for note in tree["notes"]), "none of these makers has a challenge"
    assert profile.proof == form.PROOF_NONE
    assert text(tree) == find(name).read_text(), "one form of writing, so that versions can be compared"


def test_private_constants_of_the_interpreter_are_those_of_the_form() -> None:
    found = 0
    for path in RUNTIME:
        for node in ast.parse(path.read_text()).body:
            if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
                continue
            name = node.targets[0].id[1:]
            if not node.targets[0].id.startswith("_") or not hasattr(form, name):
                continue
            value = ast.literal_eval(node.value.args[0] if isinstance(node.value, ast.Call) else node.value)
            known = getattr(form, name)
            assert value == (len(known) if isinstance(known, tuple) and isinstance(value, int) else known), f"{path.name}: _{name}"
            found += 1
    assert found > 100
    named = sum(1 << bit for bit, name in enumerate(form.BITS) if name)
    assert f"_BIT_MASK = const(0x{named:X})" in (ROOT / "firmware/cabinet/devices/profiles/reader.py").read_text()


def changed(name: str, *path: Any, to: Any) -> dict[str, Any]:
    """A shipped profile with one thing changed; `to` None: taken away."""
    tree = copy.deepcopy(load(find(name)))
    at: Any = tree
    for step in path[:-1]:
        at = at[step]
    if to is None:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return tree


@pytest.mark.parametrize(
    ("tree", "where", "says"),
    [
        (changed("jbd-can", "format", to=2), "profile.format", "knows format 1"),
        (changed("jbd-can", "bus", to="lin"), "profile.bus", "one of modbus, can, serial"),
        (changed("jbd-can", "nmae", to="x"), "profile.nmae", "no such word here; there are"),
        (changed("jbd-can", "name", to="Bad Name"), "profile.name", "small letters, digits and -"),
        (changed("jbd-can", "proof", to={"strategy": "trust me"}), "proof.strategy", "one of `none`, `pack-link challenge`"),
        (changed("jbd-rs485", "proof", to={"strategy": "pack-link challenge"}), "proof.strategy", "CAN or Modbus only"),
        (changed("daly-can", "identifiers", "address_shift", to=None), "identifiers.address_shift", "one pack"),
        (changed("daly-can", "messages", 0, "id", to="0x18904001"), "messages[0]", "the pack's address and must be 0"),
        (changed("daly-can", "messages", 0, "request", to=None), "messages (measurements).request", "all messages"),
        (changed("jbd-can", "messages", 0, "fields", 0, "unit", to="0.1 A"), "messages[0]", "a voltage, `0.1 A` is a current"),
        (changed("jbd-can", "messages", 0, "fields", 0, "unit", to="furlong"), "messages[0]", "unknown unit `furlong`"),
        (changed("jbd-can", "messages", 0, "fields", 0, "to", to="volts"), "messages[0]", "no quantity; there are pack_mv"),
        (changed("jbd-can", "messages", 0, "fields", 0, "at", to=7), "messages[0]", "a CAN frame has 8"),
        (changed("jbd-can", "messages", 0, "fields", 0, "max", to=2_000_000), "messages[0]", "from 0 to 1000000"),
        (changed("jbd-can", "messages", 0, "fields", 0, "to", to="pack_mv"), "messages", "told already by"),
        (changed("jk-pb-modbus", "messages", 0, "count", to=60), "messages[0]", "limits.read_max allows 40"),
        (changed("jk-pb-modbus", "limits", "addresses_count", to="words"), "limits.addresses_count", "`registers` as the standard"),
        (changed("jk-pb-bus", "messages", 0, "ask", to="@ 10 @"), "messages[0]", "one place only"),
        (changed("jk-pb-bus", "messages", 0, "begins", to="55 XX"), "messages[0]", "`XX` is no hexadecimal byte"),
        (changed("daly-rs485", "framing", "answer", to={"check": "md5"}), "framing.answer.check", "one of sum8"),
        (changed("daly-rs485", "messages", 0, "length", to=6), "messages[0]", "the answer has"),
        (changed("jbd-rs485", "messages", 1, "fields", to=[]), "messages", "cell_count"),
        (changed("swap-80", "messages", 1, "mux", "value", to=1), "messages", "same identifier"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_would_be_right(tree: dict[str, Any], where: str, says: str) -> None:
    with pytest.raises(ProfileMistake) as caught:
        compiled(check(tree))
    assert where in caught.value.where and says in str(caught.value)


def test_a_pack_that_may_be_charged_must_tell_all_that_core_judges() -> None:
    tree = changed("daly-can", "proof", to={"strategy": "pack-link challenge", "request_id": "0x18DA00F4", "answer_id": "0x18DAF400"})
    with pytest.raises(ProfileMistake, match="must also tell soh_pct, charge_limit_ma, charge_limit_mv, chemistry, serial"):
        check(tree)
