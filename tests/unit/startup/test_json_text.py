"""Texts that are no JSON, or that json.loads takes without a word, are refused with line and column."""

import json

from example_settings import example

from cabinet.startup import json_text
from cabinet.startup import settings as config


def refusal(text):
    try:
        json_text.load(text)
    except json_text.JsonError as error:
        return str(error)
    raise AssertionError("taken: %r" % text)


def test_right_texts_mean_what_json_says():
    for text in (
        "{}", "[]", '{"a": [], "b": {}}', '[1, -2, 3.5, 1e3, true, false, null]',
        ' {"a" : "x\\"y\\\\" ,\r\n\t"b":[{"a":1},{"a":2}]} ', '"x"', "7",
        '{"a": {"a": {"a": 1}}, "b": "{\\"a\\": 1, \\"a\\": 2}"}', '{"\u00fc": "\u00fc"}', json.dumps(example()),
    ):
        assert json_text.load(text) == json.loads(text), text
        assert json_text.load(text.encode()) == json.loads(text), text


def test_a_name_that_stands_twice_in_one_object_is_refused():
    for text, where, first in (
        ('{"slots": 10, "slots": 12}', "line 1, column 15", "line 1, column 2"),
        ('{"a": {"b": 1,\n  "c": [{"d": 2}],\n  "b": 1}}', "line 3, column 3", "line 1, column 8"),
        ('{"a": {},\n"b": [],\n"a": {}}', "line 3, column 1", "line 1, column 2"),
        ('[{"x": 1}, {"y": "z", "x": {}, "y": 2}]', "line 1, column 32", "line 1, column 13"),
    ):
        said = refusal(text)
        assert said.startswith(where) and "stands twice" in said and "first at " + first in said, said
    assert "backslashes" in refusal('{"slots": 10, "\\u0073lots": 12}')  # the same name, written otherwise


def test_what_people_write_in_place_of_json_gets_a_hint():
    for text, where, hint in (
        ("// mine\n{}", "line 1, column 1", "comments"),
        ('{"a": 1, # mine\n"b": 2}', "line 1, column 10", "comments"),
        ('{"a": 1 /* mine */}', "line 1, column 9", "comments"),
        ("{'a': 1}", "line 1, column 2", "double quotes"),
        ('{"a": \'x\'}', "line 1, column 7", "double quotes"),
        ('{"a": 1,\n}', "line 2, column 1", "remove the comma"),
        ('{"a": 1,,"b": 2}', "line 1, column 9", "remove the comma"),
        ('{"a": [1,]}', "line 1, column 10", "remove the comma"),
        ('{"a" 1}', "line 1, column 6", "colon"),
        ('{"a": 1\n "b": 2}', "line 2, column 2", "comma"),
        ('{"a": [1 2]}', "line 1, column 10", "comma"),
        ('{"a": 1', "line 1, column 8", "the file ends"),
        ('{"a": tru}', "line 1, column 7", "true"),
        ('{"a": True}', "line 1, column 7", "true"),
        ('{"a": x}', "line 1, column 7", "a value"),
        ('{"a": 010}', "line 1, column 7", "begin with 0"),
        ('{"a": "x\n"}', "line 1, column 7", "double quote"),
        ('{"a": "x', "line 1, column 7", "double quote"),
        ('{"a": "x\\', "line 1, column 7", "double quote"),
        ('{"a": 1}}', "line 1, column 9", "last brace"),
        ('{"a": 1} {"a": 1}', "line 1, column 10", "last brace"),
        ('{"a": 1]', "line 1, column 8", "comma or }"),
        ('{1: 2}', "line 1, column 2", "name of a setting"),
        ("[" * 200, "line 1, column 9", "inside one another"),
    ):
        said = refusal(text)
        assert said.startswith(where) and hint in said, (text, said)


def test_files_that_are_no_text_are_refused():
    for data, hint in (
        (b"", "empty"), (b" \n\t", "empty"), (b"\xef\xbb\xbf{}", "byte order mark"), (b"\xff\xfe{\x00}\x00", "UTF-8"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "UTF-8"), (b'{"a": \xff}', "0xff"),
    ):
        assert hint in refusal(data), (data, refusal(data))


def test_numbers_and_escapes_that_json_does_not_have_are_refused():
    for text in ('{"a": 1e}', '{"a": --1}', '{"a": 1-2}'):
        refusal(text)


def test_settings_and_secrets_are_read_this_way():
    twice = json.dumps(example()).replace('"slots": 4', '"slots": 4, "slots": 5')
    try:
        config.parse(twice)
    except config.SettingsError as error:
        assert error.path == "settings" and "line 1" in str(error) and "slots" in str(error)
    else:
        raise AssertionError("taken")
    secrets = '{"fleet_master": "%s", "device_key": "%s",\n "device_key": "%s"}' % ("ab" * 32, "cd" * 32, "ef" * 32)
    try:
        config.parse_secrets(secrets)
    except config.SettingsError as error:
        assert "line 2" in str(error) and "device_key" in str(error) and "cdcd" not in str(error) and "efef" not in str(error)
    else:
        raise AssertionError("taken")
