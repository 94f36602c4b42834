"""A token is known as a whole or not at all."""

from cabinet.trust.tokens import KnownTokens


def test_every_token_of_the_list_is_known():
    tokens = KnownTokens(["T-1", "T-22", "anna"])
    for token in ("T-1", "T-22", "anna"):
        assert token in tokens


def test_parts_joints_and_nothing_are_not_known():
    tokens = KnownTokens(["T-1", "T-22"])
    for token in ("", "T", "T-2", "1", "T-1\nT-22", "\n", "T-1\n", "\nT-1", "T-222", "t-1"):
        assert token not in tokens


def test_an_empty_list_knows_nobody():
    for token in ("", "\n", "T-1"):
        assert token not in KnownTokens([])
