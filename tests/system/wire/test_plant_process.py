"""The plant as a process: what it prints, what it leaves in the run directory, what its control socket says."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from swapcab.paths import ROOT

Ask = Callable[..., dict]


@contextlib.contextmanager
def a_process(where: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen, dict]]:
    command = [sys.executable, "-m", "plant", "--dir", str(where), *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


@contextlib.contextmanager
def a_session(where: Path) -> Iterator[Ask]:
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(str(where / "plant.sock"))
        lines = s.makefile("rw")

        def ask(text: str = "", **request: Any) -> dict:
            lines.write((text or json.dumps(request)) + "\n")
            lines.flush()
            return json.loads(lines.readline())

        yield ask


def test_it_says_that_it_is_ready_and_leaves_its_papers(tmp_path: Path) -> None:
    with a_process(tmp_path, "--slots", "24", "--seed", "4") as (process, ready):
        assert ready["ready"] is True and ready["slots"] == 24
        for port in ("rs485-packs", "rs485-io", "can-1", "kiosk"):
            assert (tmp_path / port).is_char_device()
        keys = json.loads((tmp_path / "secrets.json").read_text())
        assert len(bytes.fromhex(keys["fleet_master"])) == 32 and len(bytes.fromhex(keys["device_key"])) == 32
        assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0
        paper = json.loads((tmp_path / "plant.json").read_text())
        assert [p["bus"] for p in paper["packs"]] == ["rs485-packs"] * 16 + ["can-1"] * 8
        assert [b["address"] for b in paper["boards"]] == [1, 2, 3]
        with a_session(tmp_path) as ask:
            snapshot = ask(cmd="snapshot")
            assert snapshot["ok"] and len(snapshot["slots"]) == 24
            assert snapshot["audit"]["violations"] == [] and snapshot["audit"]["packs_unaccounted"] == 0
            assert ask(cmd="quit")["ok"]
        assert process.wait() == 0
        assert not (tmp_path / "can-1").is_symlink()


def test_the_control_socket_names_what_is_wrong_with_a_request(tmp_path: Path) -> None:
    with a_process(tmp_path), a_session(tmp_path) as ask:
        for request, word in (
            ("garbage", "JSON"),
            ("[1]", "object"),
            ('{"cmd":"dance"}', "dance"),
            ('{"cmd":"fault","slot":13,"kind":"dead"}', "13"),
            ('{"cmd":"fault","slot":3,"kind":"haunted"}', "haunted"),
            ('{"cmd":"fault","board":9,"kind":"dead"}', "board"),
            ('{"cmd":"rider","kind":7}', "kind"),
            ('{"cmd":"auto","swaps":-1}', "swaps"),
            ('{"cmd":"cabinet","danger":"meteor"}', "meteor"),
        ):
            answer = ask(request)
            assert answer["ok"] is False and word in answer["error"], request
        assert ask(cmd="fault", slot=3, kind="dead")["ok"]
        assert ask(cmd="fault", board=1, kind="late")["ok"]
        assert ask(cmd="cabinet", danger="smoke", on=True)["ok"]
        assert ask(cmd="rider", kind="clone")["ok"]
        snapshot = ask(cmd="snapshot")
        assert snapshot["slots"][2]["fault"] == "dead" and snapshot["dangers"] == ["smoke"]


def test_it_ends_when_its_standard_input_closes(tmp_path: Path) -> None:
    with a_process(tmp_path) as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0


def test_it_ends_on_sigterm_and_keeps_its_keys_for_the_next_start(tmp_path: Path) -> None:
    with a_process(tmp_path) as (process, _):
        first = (tmp_path / "secrets.json").read_text()
        process.terminate()
        assert process.wait() == 0
    with a_process(tmp_path) as (process, ready):
        assert ready["ready"] and (tmp_path / "secrets.json").read_text() == first


def test_riders_show_their_cards_on_the_kiosk_line(tmp_path: Path) -> None:
    with a_process(tmp_path), a_session(tmp_path) as ask:
        kiosk = os.open(tmp_path / "kiosk", os.O_RDWR | os.O_NOCTTY)
        try:
            token = ask(cmd="rider", kind="normal")["token"]
            line = b""
            while not line.endswith(b"\n"):
                line += os.read(kiosk, 64)
            assert line.decode() == f"T:{token}\n"
            os.write(kiosk, b"S:0:no_full_pack:No full pack is ready.\n")
            while "S:0:no_full_pack:No full pack is ready." not in ask(cmd="snapshot")["lines"]["kiosk"]:
                pass
        finally:
            os.close(kiosk)


def test_a_card_that_no_controller_reads_is_lost(tmp_path: Path) -> None:
    with a_process(tmp_path), a_session(tmp_path) as ask:
        ask(cmd="rider", kind="normal")
        while not (rider := ask(cmd="snapshot")["riders"]["present"]) or not rider["shown"]:
            pass
        shown_at = ask(cmd="snapshot")["t"]
        while ask(cmd="snapshot")["t"] < shown_at + 3:
            time.sleep(0.05)
        kiosk = os.open(tmp_path / "kiosk", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            with contextlib.suppress(BlockingIOError):
                raise AssertionError(f"there was still {os.read(kiosk, 64)!r}")
        finally:
            os.close(kiosk)
