"""One word for one thing: the glossary stays small, and words that were given up do not come back."""

import re
import shutil
import subprocess
import sys

import pytest

from swapcab.docs import words
from swapcab.paths import ROOT


def terms() -> list[str]:
    """The first column of docs/glossary.md."""
    return re.findall(r"^\| ([^|]+?) \| ", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)[1:]


def test_words_that_were_given_up_do_not_come_back():
    found = words.counts()
    wrong = []
    for word, (ceiling, instead) in words.WORDS.items():
        total = sum(found[word].values())
        if total > ceiling:
            wrong.append(f"{word!r} stands {total} times, at most {ceiling}: write {instead}; python -m swapcab.docs.words --where {word}")
    assert wrong == []


def test_a_word_is_found_in_names_and_sentences_but_not_inside_other_words():
    regex = words.pattern("let_go")
    assert len(regex.findall("let_go(x) _let_go LET_GO outlet_gone")) == 3
    assert not words.pattern("told").search("untold") and words.pattern("stay").search("rules.STAY")


@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="not a clone of git: no revisions to count in")
def test_the_counts_of_an_earlier_revision_can_be_printed():
    command = [sys.executable, "-m", "swapcab.docs.words", "--at", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == list(words.WORDS)


def test_the_glossary_has_at_most_sixty_terms_each_once_and_in_order():
    found = terms()
    assert 30 < len(found) <= 60
    assert len(set(found)) == len(found)
    assert [word.lower() for word in found] == sorted(word.lower() for word in found)


def test_no_term_of_the_glossary_is_a_word_that_was_given_up():
    assert not set(terms()) & set(words.WORDS)
