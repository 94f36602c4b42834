"""The panel says in words what the firmware reports in codes."""

from swapcab.sim.view import slot_view


def why(reported: dict) -> str:
    return slot_view(7, 4, reported, {}).why


def test_the_name_of_a_rule_and_a_reason_code_become_sentences():
    assert why({"why": "temp_hot"}) == "The pack is dangerously hot."
    assert why({"why": "put_pack_in"}) == "Put your pack into slot 7 and shut the door."


def test_an_unknown_code_is_shown_as_it_is_and_nothing_while_charging():
    assert why({"why": "something_new"}) == "something_new"
    assert why({"why": "charging", "charge_ma": 5000}) == why({}) == ""
