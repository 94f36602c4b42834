"""docs/asyncapi.json is AsyncAPI 3 by its makers' own schema, says what the schemas say, and refuses what it should."""

from __future__ import annotations

import copy
import json

import pytest
from contract import DOCS, Contract
from jsonschema import Draft7Validator

from swapcab.paths import ROOT as TREE

SCHEMA = TREE / "tests" / "fixtures" / "asyncapi" / "3.0.0.json"  # npm package @asyncapi/specs 6.11.1, as its makers publish it

ROOT = "swapcab/v1/cab-1/"
EVENT = {
    "v": 1, "cabinet": "cab-1", "boot": 3, "ring": "A", "seq": 7, "time": None, "tq": "unknown", "ticks": 12,
    "type": "door.opened", "slot": 3, "pack": None, "data": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def contract() -> Contract:
    """The published one."""
    return Contract()


def official() -> Draft7Validator:
    """AsyncAPI's own schema."""
    return Draft7Validator(json.loads(SCHEMA.read_text()))


def test_the_document_is_asyncapi_3(contract: Contract):
    assert [error.message[:200] for error in official().iter_errors(contract.document)] == []


def test_what_is_no_asyncapi_is_noticed(contract: Contract):
    for spoil in (
        lambda document: document.pop("info"),
        lambda document: document["channels"]["birth"].update(adress="x"),
        lambda document: document["operations"]["receiveBirth"].update(action="get"),
    ):
        document = copy.deepcopy(contract.document)
        spoil(document)
        assert list(official().iter_errors(document))


def test_every_reference_leads_to_a_schema_and_every_schema_is_referred_to(contract: Contract):
    text = json.dumps(contract.document)
    named = {path.name for path in (DOCS / "schema").glob("*.json") if f'"./schema/{path.name}"' in text}
    assert text.count('"./schema/') == sum(text.count(f'"./schema/{name}"') for name in named)
    assert {path.name for path in (DOCS / "schema").glob("*.json")} - named == {"envelope.json"}
    for operation in contract.document["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in contract.document["channels"]


def test_what_cabinets_send_is_taken(contract: Contract):
    shortened = {"seq": 8, "type": "door.closed", "ticks": 15, "data": {}}
    for topic, body in (
        ("events/a", EVENT),
        ("events/a", [EVENT, {**EVENT, "seq": 8}]),
        ("events/a", [EVENT, shortened]),
        ("online", 1),
        ("slots/12", {"state": "full"}),
        ("commands", {"id": "a", "kind": "unlock", "slot": 3}),
    ):
        assert contract.objection(ROOT + topic, json.dumps(body).encode()) == ""


def test_what_they_must_not_send_is_refused(contract: Contract):
    missing = {name: value for name, value in EVENT.items() if name != "boot"}
    for topic, body in (
        ("events/b", EVENT),
        ("events/a", missing),
        ("events/a", []),
        ("events/a", {**EVENT, "type": "door.painted"}),
        ("events/a", {**EVENT, "seq": "7"}),
        ("events/a", [EVENT, {**EVENT, "slot": 0}]),
        ("alarms", EVENT),
        ("online", 2),
        ("slots/12", {}),
        ("commands", {"id": "a", "kind": "unlock", "more": 1}),
        ("elsewhere", {}),
        ("slots/1/2", {"state": "full"}),
    ):
        assert contract.objection(ROOT + topic, json.dumps(body).encode()) != "", (topic, body)
    assert contract.objection(ROOT + "birth", b"{") != ""
