"""`swapcab profile import`: what names and units tell, what must be said, and what is refused with the remedy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swapcab.paths import ROOT
from swapcab.profile import files as profile_files
from swapcab.profile.compile import compiled
from swapcab.profile.dbc import ImportMistake, Wish, convert
from swapcab.profile.guess import Meaning, explicit, guess
from swapcab.profile.source import ProfileMistake, check
from swapcab.settings import template as settings_template

NIMBUS = ROOT / "docs" / "examples" / "nimbus.dbc"
WISH = Wish("nimbus", "NIMBUS", True, (1, 48), challenge=True)
HEALTH = {"Sigma": Meaning("soh_pct", how="asked for")}


@pytest.mark.parametrize(
    ("name", "unit", "bits", "to"),
    [
        ("PackVoltage", "V", 16, "pack_mv"), ("BMS_Batt_Volt", "mV", 32, "pack_mv"), ("Current", "A", 16, "current_ma"),
        ("SOC", "%", 8, "soc_pct"), ("BatterySoh", "%", 8, "soh_pct"), ("MinCellVoltage", "V", 16, "cell_min_mv"),
        ("Cell_Volt_Max", "mV", 16, "cell_max_mv"), ("TempMax", "degC", 8, "temp_max_ddegc"),
        ("Lowest_Temperature", "C", 8, "temp_min_ddegc"),
        ("CCL", "A", 16, "charge_limit_ma"), ("MaxChargeVoltage", "V", 16, "charge_limit_mv"), ("NominalVoltage", "V", 16, "nominal_mv"),
        ("RatedCapacity", "Ah", 16, "capacity_mah"), ("CellCount", "", 8, "cell_count"), ("CycleCount", "", 16, "cycles"),
        ("CellVoltage_07", "V", 16, "cell:6"), ("Temp3", "degC", 8, "temp:2"), ("ChgMosOn", "", 1, "state.charge_switch"),
        ("DsgFet", "", 1, "state.discharge_switch"), ("CellOverVoltage", "", 1, "alarm.cell_over_voltage"),
        ("ChargeUnderTemp", "", 1, "alarm.charge_under_temperature"), ("PackUV", "", 1, "alarm.pack_under_voltage"),
        ("DischargeCurrentLimit", "A", 16, None), ("RemainingCapacity", "Ah", 16, None), ("MosTemperatureMax", "degC", 8, None),
        ("MaxCellVoltageIndex", "", 8, None), ("Reserved", "", 8, None), ("LinkVoltage", "V", 16, None),
    ],
)  # fmt: skip
def test_names_and_units_tell_what_a_signal_means(name: str, unit: str, bits: int, to: str | None) -> None:
    found = guess(name, unit, bits, False)
    shown = None if found is None else found.to + (f":{found.index}" if found.to in ("cell", "temp") else "")
    assert shown == to


def test_a_dbc_file_becomes_a_profile_that_is_right() -> None:
    done = convert(NIMBUS, HEALTH, WISH)
    checked = check(done.tree)
    assert checked.missing == [] and compiled(checked)
    became = {row.signal: row.to for row in done.rows}
    assert became["PackVoltage"] == "pack_mv" and became["SerialB"] == "serial:7" and became["Kappa"] == ""
    assert {row.how for row in done.rows} == {"guessed", "asked for", "not used"}
    message = next(m for m in done.tree["messages"] if m["name"] == "NB_Pack")
    assert message["key"] and message["id"] == "0x1CA10000" and done.tree["pace"] == {"lost_ms": 2500}


def test_what_no_name_tells_must_be_said() -> None:
    with pytest.raises(ProfileMistake, match="must also tell soh_pct"):
        check(convert(NIMBUS, {}, WISH).tree)


VOLTS = 'PackVoltage : 0|16@1+ (0.1,0) [0|0] "V"'


def database(folder: Path, *signals: str, ident: int = 0x9CA10000) -> Path:
    """A DBC file with one message."""
    path = folder / "maker.dbc"
    lines = "".join(f" SG_ {signal} Host\n" for signal in signals)
    path.write_text(f'VERSION ""\n\nNS_ :\n\nBS_:\n\nBU_: Pack Host\n\nBO_ {ident} M: 8 Pack\n{lines}\n')
    return path


@pytest.mark.parametrize(
    ("signals", "mapping", "says"),
    [
        ([VOLTS, "BattVolt : 16|16@1+ (0.1,0) [0|0] \"V\""], {}, "pack_mv is claimed by PackVoltage and BattVolt"),
        ([VOLTS], {"Voltage": Meaning("pack_mv")}, "no such signal in maker.dbc; there are PackVoltage"),
        (["X : 0|16@1+ (0.1,0) [0|0] \"V\""], {}, "none of its signals is known; say with --map"),
        (["X : 0|16@1+ (0.1,0) [0|0] \"furlong\""], {"X": Meaning("pack_mv")}, "give the unit with --map X=pack_mv@UNIT"),
        (["X : 0|16@1+ (0.1,0.05) [0|0] \"V\""], {"X": Meaning("pack_mv")}, "no whole number of steps"),
        (["Cell1 : 3|12@1+ (1,0) [0|0] \"mV\""], {}, "cells and sensors must be whole bytes"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_the_remedy(tmp_path: Path, signals: list, mapping: dict, says: str) -> None:
    with pytest.raises(ImportMistake) as caught:
        convert(database(tmp_path, *signals), mapping, Wish("maker"))
    assert says in str(caught.value)


def test_files_that_are_no_databases_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.dbc").write_text("BO_ nonsense")
    for path in (tmp_path / "x.dbc", tmp_path / "none.dbc"):
        with pytest.raises(ImportMistake, match=path.name):
            convert(path, {}, Wish("x"))


def test_units_offsets_and_signs_of_a_dbc_file_are_kept(tmp_path: Path) -> None:
    path = database(
        tmp_path, 'PackVoltage : 7|16@0+ (0.1,0) [0|100] "V"', 'PackCurrent : 16|16@1+ (-0.1,3000) [0|0] "A"',
        'TempMin : 32|8@1+ (1,-40) [0|0] "degC"',
        'TempMax : 40|8@1+ (1,0) [0|0] "K"', 'SOC : 48|8@1+ (0.4,0) [0|0] "%"', 'Sum : 56|8@1+ (1,0) [0|0] ""',
    )  # fmt: skip
    tree = convert(path, {"Sum": Meaning("cycles")}, Wish("maker")).tree
    fields = {f["name"]: f for f in tree["messages"][0]["fields"]}
    assert fields["PackVoltage"]["unit"] == "0.1 V" and fields["PackVoltage"]["max"] == 100_000 and fields["PackVoltage"]["order"] == "big"
    assert fields["PackCurrent"]["add"] == -30_000 and fields["PackCurrent"]["negate"] is True
    assert fields["TempMin"]["add"] == -40 and fields["TempMax"] | {"unit": "1 K", "add": -273} == fields["TempMax"]
    checked = check(tree)
    found = {f.name: f for f in checked.pages[0].fields}
    current, share = found["PackCurrent"], found["SOC"]
    assert (30_100 + current.add) * current.num // current.den == -10_000
    assert (255 + share.add) * share.num // share.den == 102 and 250 * share.num // share.den == 100


def test_a_mapping_is_read_as_written() -> None:
    assert explicit("A=pack_mv") == ("A", Meaning("pack_mv", 0, None, "asked for"))
    assert explicit("B=serial:7")[1].index == 7 and explicit("C=pack_mv@0.1 V")[1].unit == "0.1 V"
    for text in ("A", "=x", "A=", "A=serial:x"):
        with pytest.raises(ValueError, match="write SIGNAL=QUANTITY"):
            explicit(text)


def swapcab(*arguments: str) -> tuple[int, str]:
    """Exit code and output of the command line."""
    done: Any = subprocess.run([sys.executable, "-m", "swapcab", *arguments], capture_output=True, text=True, cwd=ROOT)
    return done.returncode, done.stdout + done.stderr


def test_the_command_line_lists_shows_checks_and_compiles(tmp_path: Path) -> None:
    code, text = swapcab("profile", "list")
    assert code == 0 and "jk-pb-bus" in text and "one a line" in text
    code, text = swapcab("profile", "show", "daly-can")
    assert code == 0 and "capacity_mah" in text and "cannot prove itself" in text
    code, text = swapcab("profile", "check", "swap-80")
    assert code == 0 and "never charged and never handed out" in text
    code, text = swapcab("profile", "compile", "swap-80", "-o", str(tmp_path))
    assert code == 0 and (tmp_path / "swap-80.profile").read_bytes() == (ROOT / "build/profiles/swap-80.profile").read_bytes()
    code, text = swapcab("profile", "check", "nobody")
    assert code == 1 and "no such profile; give a .json file, or one of daly-can" in text


def test_settings_are_checked_with_the_profiles_that_they_name(tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(settings_template.settings(6, can_driver="profile:swap-80")))
    assert list(profile_files.files(settings)) == ["swap-80.profile"]
    assert swapcab("settings", "check", str(settings))[0] == 0
    for driver, says in (("profile:nobody", "nobody.profile lies beside"), ("profile:jbd-can", "one pack a line, with address 1")):
        settings.write_text(json.dumps(settings_template.settings(6, can_driver=driver)))
        code, text = swapcab("settings", "check", str(settings))
        assert code == 1 and says in text, text
