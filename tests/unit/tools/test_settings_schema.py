"""docs/settings.schema.json: current, a right schema, takes what the check takes, and refuses the mistakes that a schema can see."""

import copy
import json

import pytest
from example_settings import example
from jsonschema import Draft202012Validator

from swapcab.docs import settings_schema
from swapcab.settings import template

VALIDATOR = Draft202012Validator(json.loads(settings_schema.TARGET.read_text()))
KERONG = {
    "io": {"bus": "locks", "driver": "kr-cu16", "first_address": 0},
    "inputs": {"bus": "gpio", "driver": "pin-inputs", "first_address": 0},
}


def test_the_schema_is_current() -> None:
    assert settings_schema.TARGET.read_text() == settings_schema.render(), "run python -m swapcab.docs.settings_schema"


def test_it_is_a_schema_of_its_dialect() -> None:
    assert VALIDATOR.schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(VALIDATOR.schema)


@pytest.mark.parametrize("npb", [0, 4])
@pytest.mark.parametrize("slots", [3, 12, 48])
def test_the_template_validates(slots: int, npb: int) -> None:
    VALIDATOR.validate(template.settings(slots, npb=npb))


def kerong() -> dict:
    tree = example()
    tree["buses"]["locks"] = {"kind": "kerong", "port": "rs485-3", "baud": 19200}
    tree["buses"]["gpio"] = {"kind": "pins", "port": "expanders", "baud": 400000}
    for group in tree["groups"]:
        group.update(copy.deepcopy(KERONG))
    tree["groups"][0]["pack"]["driver"] = "profile:jbd-rs485"
    tree["limits"] = {"temp_high": {"LFP": 430, "NMC": 430}, "soh_end": {"LFP": 75}}
    tree["uplink"] |= {"tls": "on", "ca_file": "ca.pem", "cert_file": "c.pem", "key_file": "k.pem", "server_name": "broker.example"}
    return tree


def test_other_right_settings_validate() -> None:
    VALIDATOR.validate(example())
    VALIDATOR.validate(kerong())


MISTAKES = {
    "no uplink": lambda d: d.pop("uplink"),
    "misspelt section": lambda d: d.update(contol={}),
    "misspelt setting": lambda d: d.update(control={"budget_kw": 5}),
    "slots as text": lambda d: d["cabinet"].update(slots="4"),
    "slots true": lambda d: d["cabinet"].update(slots=True),
    "slots 4.5": lambda d: d["cabinet"].update(slots=4.5),
    "too many slots": lambda d: d["cabinet"].update(slots=49),
    "id with a blank": lambda d: d["cabinet"].update(id="cab 1"),
    "unknown kind of bus": lambda d: d["buses"]["can"].update(kind="canopen"),
    "unknown driver": lambda d: d["groups"][0]["charger"].update(driver="npb450"),
    "driver in the wrong place": lambda d: d["groups"][0]["charger"].update(driver="pack-link-can"),
    "profile with a bad name": lambda d: d["groups"][0]["pack"].update(driver="profile:../x"),
    "address of the driver": lambda d: d["groups"][0]["io"].update(first_address=16),
    "address 0": lambda d: d["groups"][1]["pack"].update(first_address=0),
    "locks without inputs": lambda d: d["groups"][0].pop("inputs"),
    "slot boards with inputs": lambda d: d["groups"][0].update(io={"bus": "io", "driver": "slot-board", "first_address": 1}),
    "no group": lambda d: d.update(groups=[]),
    "limit in whole degC": lambda d: d["limits"].update(temp_high={"LFP": 43}),
    "limit loosened": lambda d: d["limits"].update(temp_high={"LFP": 451}),
    "limit of a flag": lambda d: d["limits"].update(smoke={"LFP": 0}),
    "unknown rule": lambda d: d["limits"].update(temp_hihg={"LFP": 430}),
    "unknown chemistry": lambda d: d["limits"].update(temp_high={"LCO": 430}),
    "limit without chemistry": lambda d: d["limits"].update(temp_high=430),
    "URL as host": lambda d: d["uplink"].update(host="mqtt://broker.example:1883"),
    "topic with a blank": lambda d: d["uplink"].update(prefix="swap cab"),
    "TLS without authority": lambda d: d["uplink"].pop("ca_file"),
    "TLS files without TLS": lambda d: d["uplink"].pop("tls"),
    "certificate without key": lambda d: d["uplink"].pop("key_file"),
    "password": lambda d: d["uplink"].update(password="secret"),
    "long token": lambda d: d["access"].update(tokens=["x" * 33]),
    "token with a blank": lambda d: d["access"].update(tokens=["a b"]),
    "null": lambda d: d.update(control={"budget_w": None}),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_that_a_schema_can_see_is_refused(name: str) -> None:
    tree = kerong()
    MISTAKES[name](tree)
    assert not VALIDATOR.is_valid(tree)
