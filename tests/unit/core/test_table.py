"""The safety table as compiled: every column of every row, against the text."""

import sys

from cabinet.core import rule_table, rule_words, rules
from cabinet.core.limits import LimitSet


def text_rows():
    return [line.split() for line in rule_table.TABLE.split("\n") if line]


def text_quantities():
    """(name, 1 if large values are dangerous, else -1), in order."""
    return [(word.lstrip("-"), -1 if word.startswith("-") else 1) for word in rule_table.QUANTITIES.split()]


def test_compiling_again_gives_what_stands_in_the_table():
    sides, ids, columns, numbers, reasons = rules._compile()
    rows = text_rows()
    names = [name for name, _ in text_quantities()]
    assert ids == rules.IDS == tuple(row[0] for row in rows)
    assert len(columns) == len(numbers) == 6 * len(rows)
    assert isinstance(columns, bytes) and isinstance(ids, tuple) and isinstance(reasons, tuple)
    assert list(sides) == [1 if side > 0 else 0 for _, side in text_quantities()] and list(sides) == list(rules._sides())
    assert len(set(reasons)) == len(reasons) and set(reasons) == {row[12] for row in rows}
    for index, row in enumerate(rows):
        at = 6 * index
        assert columns[at] == ("pack", "slot", "cabinet").index(row[1]), row
        assert names[columns[at + 1]] == row[2], row
        assert rules.REACTIONS[columns[at + 2]] == row[9], row
        assert ("free", "stay", "service")[columns[at + 3]] == row[10], row
        assert columns[at + 4] == int(row[11]), row
        assert reasons[columns[at + 5]] == row[12], row
        assert [numbers[at + offset] for offset in range(6)] == [int(word) for word in row[3:9]], row
        assert type(numbers[at]) is int


def test_every_question_about_a_rule_is_answered_from_its_row():
    quantities = text_quantities()
    assert rules.quantity_names() == [name for name, _ in quantities]
    assert len(quantities) == rules.QUANTITIES and len(text_rows()) == rules.COUNT
    for index, row in enumerate(text_rows()):
        assert rules.rows()[index] == row
        assert rules.index_of(row[0]) == index and type(rules.index_of(row[0])) is int
        assert rules.SCOPES[rules.scope(index)] == row[1]
        assert quantities[rules.quantity(index)][0] == row[2]
        assert [rules.level(index, column) for column in range(4)] == [int(word) for word in row[3:7]]
        assert rules.debounce_ms(index) == int(row[7]) and rules.clear_ms(index) == int(row[8])
        assert rules.REACTIONS[rules.reaction(index)] == row[9] and rules.LATCHES[rules.latch(index)] == row[10]
        assert rules.derate_pct(index) == int(row[11])
        assert rules.reason(index) == row[12] and rules.source(index) == row[13]
        assert rules.side(index) == dict(quantities)[row[2]]


def test_a_rule_that_is_not_in_the_table_has_no_number():
    for name in ("", "temp", "TEMP_HIGH"):
        try:
            rules.index_of(name)
        except ValueError:
            continue
        raise AssertionError("%r has a number" % name)


def test_the_words_of_a_rule_are_the_rest_of_its_line():
    lines = [line for line in rule_words.WORDS.split("\n") if line]
    assert len(lines) == rules.COUNT
    for line in lines:
        name, words = line.split(" ", 1)
        assert rule_words.of_rule(rules.index_of(name)) == words, name


def test_letting_the_table_go_takes_it_from_the_modules_and_from_the_package():
    import cabinet.core

    text = sys.modules["cabinet.core.rule_table"]
    rules.let_go(sys.modules)
    assert "cabinet.core.rule_table" not in sys.modules and not hasattr(cabinet.core, "rule_table")
    rules.let_go(sys.modules)  # once more does no harm
    assert "cabinet.core.rule_table" not in sys.modules
    before = dict(sys.modules)
    sys.modules["cabinet.core.rule_table"] = text
    cabinet.core.rule_table = text
    other = {"cabinet.core.rule_table": text, "cabinet.core.rules": rules}
    rules.let_go(other)
    assert list(other) == ["cabinet.core.rules"] and not hasattr(cabinet.core, "rule_table")
    assert "cabinet.core.rule_table" in sys.modules and len(sys.modules) == len(before) + 1
    cabinet.core.rule_table = text


def test_limits_compile_to_rows_that_trip_at_the_limit_of_the_chemistry():
    limits = LimitSet()
    for chemistry, column in ((1, 0), (2, 1)):
        for scope in (rules.PACK, rules.SLOT, rules.CABINET):
            compiled = limits.compile((scope,), chemistry)
            assert [row[2] for row in compiled] == [rule for rule in range(rules.COUNT) if rules.scope(rule) == scope]
            for quantity, limit, rule in compiled:
                assert quantity == rules.quantity(rule) and limit == rules.level(rule, column) * rules.side(rule)
