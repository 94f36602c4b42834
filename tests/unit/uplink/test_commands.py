"""Commands from outside, every byte of them distrusted."""

import json

from cabinet.store.ring import JournalFull
from cabinet.uplink import commands
from cabinet.uplink.commands import CommandDesk


class Clock:
    now_s = 1_700_000_000

    def wall_s(self):
        return self.now_s


def desk_with(answer=(True, "")):
    """A desk and the list of what it has carried out."""
    done = []

    def carry_out(command):
        done.append(command)
        return answer

    return CommandDesk(Clock(), carry_out, 4), done


def ask(desk, retained=False, **command):
    """The result of a command."""
    return desk.handle(json.dumps(command).encode(), retained)


def test_a_good_command_is_carried_out_and_answered():
    desk, done = desk_with()
    result = ask(desk, id="a-1", kind="unlock", slot=3, expires=1_700_000_001)
    assert result == {"v": 1, "id": "a-1", "kind": "unlock", "accepted": True, "reason": "", "time": 1_700_000_000}
    assert done == [{"id": "a-1", "kind": "unlock", "slot": 3, "expires": 1_700_000_001}]


def test_the_same_id_is_never_carried_out_twice_not_even_with_other_content():
    desk, done = desk_with()
    ask(desk, id="a", kind="unlock", slot=3)
    result = ask(desk, id="a", kind="unlock", slot=4)
    assert result["accepted"] is True and result["repeated"] is True and len(done) == 1


def test_a_refusal_is_repeated_as_a_refusal():
    desk, done = desk_with((False, "no_pack"))
    ask(desk, id="a", kind="swap")
    result = ask(desk, id="a", kind="swap")
    assert (result["accepted"], result["reason"], result["repeated"]) == (False, "no_pack", True) and len(done) == 1


def test_answers_from_before_a_reset_count():
    desk, done = desk_with()
    desk.remember("old", True, "")
    assert ask(desk, id="old", kind="swap")["repeated"] is True and done == []


class Store:
    def __init__(self, fails=False):
        self.values = {}
        self.fails = fails

    def get(self, name):
        return self.values.get(name)

    def put(self, name, value):
        if self.fails:
            raise JournalFull("no room")
        self.values[name] = value


def test_accepted_ids_outlive_a_reset():
    store, done = Store(), []

    def carry_out(command):
        done.append(command["id"])
        return command["kind"] == "unlock", "no"

    desk = CommandDesk(Clock(), carry_out, 32, store)
    for number in range(12):
        ask(desk, id="u%d" % number, kind="unlock", slot=1)
    ask(desk, id="r", kind="swap")
    again = CommandDesk(Clock(), carry_out, 32, store)
    done.clear()
    for number in range(2, 12):
        assert ask(again, id="u%d" % number, kind="unlock", slot=1)["repeated"] is True
    assert done == []
    ask(again, id="r", kind="swap")  # what was refused moved nothing, and may be asked again
    assert done == ["r"]
    assert max([len(value) for value in store.values.values()]) <= 400


def test_flash_that_refuses_costs_only_the_memory_over_a_reset():
    desk = CommandDesk(Clock(), lambda command: (True, ""), 32, Store(True))
    assert ask(desk, id="a", kind="clear")["accepted"] is True
    assert ask(desk, id="a", kind="clear")["repeated"] is True


def test_memory_of_answers_is_bounded():
    desk, done = desk_with()
    for number in range(50):
        ask(desk, id="n%d" % number, kind="swap")
    assert len(desk._answers) == 4 and len(done) == 50


def test_expired_commands_are_refused_when_the_time_is_known():
    desk, done = desk_with()
    assert ask(desk, id="a", kind="swap", expires=1_699_999_999)["reason"] == "expired"
    desk._clock.now_s = 0
    result = ask(desk, id="b", kind="swap", expires=5)
    assert result["accepted"] is True and result["time"] is None


def test_a_retained_command_is_refused():
    desk, done = desk_with()
    assert ask(desk, retained=True, id="a", kind="unlock", slot=3)["reason"] == "retained" and done == []


def test_a_failing_handler_is_an_answer_not_an_end():
    def fail(command):
        raise ValueError("defect")

    result = CommandDesk(Clock(), fail).handle(b'{"id":"a","kind":"swap"}', False)
    assert (result["accepted"], result["reason"]) == (False, "failed")


def test_nothing_is_carried_out_without_a_handler():
    assert CommandDesk(Clock(), None).handle(b'{"id":"a","kind":"swap"}', False)["reason"] == "not_supported"


def test_hostile_payloads_are_refused_with_a_reason():
    for payload, reason in (
        (b"", "malformed"),
        (b"null", "malformed"),
        (b"[]", "malformed"),
        (b"1e999", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b'{"id":"a"', "malformed"),
        (b"[" * 500, "malformed"),
        (b"x" * 513, "too_long"),
        (b"{}", "bad_id"),
        (b'{"id":7,"kind":"swap"}', "bad_id"),
        (b'{"id":"","kind":"swap"}', "bad_id"),
        (b'{"id":"a b","kind":"swap"}', "bad_id"),
        (b'{"id":"' + b"a" * 37 + b'","kind":"swap"}', "bad_id"),
        (b'{"id":"a"}', "bad_kind"),
        (b'{"id":"a","kind":["swap"]}', "bad_kind"),
        (b'{"id":"a","kind":"format"}', "bad_kind"),
        (b'{"id":"a","kind":"unlock"}', "no_slot"),
        (b'{"id":"a","kind":"unlock","slot":null}', "no_slot"),
        (b'{"id":"a","kind":"unlock","slot":true}', "bad_slot"),
        (b'{"id":"a","kind":"unlock","slot":0}', "bad_slot"),
        (b'{"id":"a","kind":"unlock","slot":-1}', "bad_slot"),
        (b'{"id":"a","kind":"unlock","slot":3.0}', "bad_slot"),
        (b'{"id":"a","kind":"unlock","slot":"3"}', "bad_slot"),
        (b'{"id":"a","kind":"unlock","slot":99999999999999999999}', "bad_slot"),
        (b'{"id":"a","kind":"swap","token":"a\\u0000"}', "bad_token"),
        (b'{"id":"a","kind":"swap","expires":"soon"}', "bad_expires"),
        (b'{"id":"a","kind":"swap","dry_run":true}', "unknown_field"),
    ):
        desk, done = desk_with()
        result = desk.handle(payload, False)
        assert (result["accepted"], result["reason"], done) == (False, reason, []), payload
        json.dumps(result)


def test_what_only_micropython_takes_for_json_is_refused():
    for payload in (
        b'{"id": "a", "kind" "unlock", "slot": 3}',
        b'{"id", "a": "kind": "unlock", "slot": 3}',
        b'{"id": "a" "kind": "unlock" "slot": 3}',
        b'{"id": "a", "kind": "unlock", "slot": 3, "expires"}',
        b'{"id": "a", "kind": "unlock", "slot": 3,}',
        b'{"id": "a", "kind": "unlock", "slot": 03}',
        b'{"id": "a", "kind": "unlock", "slot": 3 4}',
        b'{"id": "a", "kind": "unlock", "slot": 3, "slot": 4}',
        b'{"id": "a", "kind": "unlock", "slot": 3}{',
        b'{"id": "\\u0061", "kind": "unlock", "slot": 3}',
    ):
        command, reason = commands.parse(payload)
        assert reason == "malformed", (payload, reason)
        assert command is None or command["id"] == "a"
    for payload in (
        b' {"id":"a","kind":"unlock","slot":3}\n',
        b'{"id" : "a" ,\t"kind":"swap","slot": null,"token": "t"}',
        b'{"kind":"swap","id":"a"}',
    ):
        assert commands.parse(payload)[1] == "", payload


def test_what_is_known_of_a_refused_command_is_told():
    known, reason = commands.parse(b'{"id":"a","kind":"unlock","slot":0}')
    assert known == {"id": "a", "kind": "unlock"} and reason == "bad_slot"
