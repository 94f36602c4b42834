"""Packs, chargers and slots behave as the real things do."""

from plant import charger as chargers
from plant import pack as packs
from plant import proof
from plant.charger import Charger
from plant.fleet import BAD_KINDS, Fleet
from plant.pack import Pack
from plant.rng import Rng
from plant.slot import Slot


def charging(pack, volts, amps, seconds, speed=1.0, dt=0.05):
    """A pack on a charger that is told the same every second."""
    charger = Charger(0xA1)
    for n in range(int(seconds / dt)):
        if n % 20 == 0:
            charger.command(volts, amps, True)
        pack.step(dt, charger.step(dt, pack), 25.0, speed)
    return charger


def raises(error, function, *arguments):
    try:
        function(*arguments)
    except error:
        return True
    return False


def test_the_same_seed_gives_the_same_numbers_everywhere():
    assert [Rng(1).bits() for _ in range(2)] == [Rng(1).bits() for _ in range(2)]
    rng = Rng(42)
    assert [rng.bits() for _ in range(3)] == [437239164, 1504263724, 3019678298]


def test_hmac_is_that_of_rfc_4231():
    mac = proof.hmac_sha256(b"Jefe", b"what do ya want for nothing?")
    assert mac.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    mac = proof.hmac_sha256(b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First")
    assert mac.hex() == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"


def test_hkdf_is_that_of_rfc_5869():
    # test case 3 has an empty salt and empty info; its first 32 of 42 bytes
    assert proof.hkdf_sha256(b"\x0b" * 22, b"").hex() == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"


def test_a_pack_answers_a_challenge_after_a_while_and_only_with_its_own_key():
    pack = Pack("SC48L30-000001", key=proof.pack_key(proof.FLEET_MASTER, "SC48L30-000001"))
    assert pack.proof_status() == 0
    pack.challenge(bytes(32))
    assert pack.proof_status() == 1
    pack.step(0.1, 0.0, 25.0)
    assert pack.proof_status() == 2
    assert pack.mac == proof.pack_mac(proof.pack_key(proof.FLEET_MASTER, "SC48L30-000001"), bytes(32), "SC48L30-000001")
    keyless = Pack("SC48L30-000002")
    keyless.challenge(bytes(32))
    keyless.step(0.1, 0.0, 25.0)
    assert keyless.proof_status() == 3


def test_open_circuit_voltage_rises_with_the_state_of_charge():
    for chemistry in (packs.LFP, packs.NMC):
        volts = [packs.ocv(chemistry, n / 100.0) for n in range(-20, 121)]
        assert all(a <= b for a, b in zip(volts, volts[1:]))
        assert volts[-1] < packs._CELL[chemistry][0]  # rest voltage stays below the charge voltage


def test_charging_takes_its_time_and_speed_multiplies_only_charge():
    slow, fast = Pack("A"), Pack("B")
    charging(slow, 56.8, 10.0, 20.0, 1.0)
    charging(fast, 56.8, 10.0, 20.0, 60.0)
    assert 50 < (fast.soc - 0.5) / (slow.soc - 0.5) < 70
    assert abs(fast.temp_c - slow.temp_c) < 0.1
    assert abs(fast.current_a - slow.current_a) < 0.01


def test_current_is_held_first_and_tapers_at_the_charge_voltage():
    for chemistry, cells, volts in ((packs.LFP, 16, 56.8), (packs.NMC, 13, 54.6)):
        pack = Pack("A", chemistry, cells)
        pack.soc = 0.6
        charging(pack, volts, 12.0, 5.0)
        assert abs(pack.current_a - 12.0) < 0.01
        pack.soc = 0.999
        charging(pack, volts, 12.0, 5.0)
        assert 0.5 < pack.current_a < 9.0
        assert abs(pack.volts() - volts) < 0.2
        charging(pack, volts, 12.0, 120.0, 60.0)
        assert 0.999 < pack.soc <= 1.0 and pack.allowed_charge_ma() == 0
        assert max(pack.cell_mv()) < packs._CELL[chemistry][1] * 1000


def test_the_bms_allows_less_when_cold_hot_or_nearly_full():
    pack = Pack("A")

    def allowed(temp_c, soc=0.5):
        pack.temp_c = temp_c
        pack.soc = soc
        pack.step(0.0, 0.0, temp_c)
        return pack.allowed_charge_ma()

    assert allowed(-1.0) == 0 and allowed(61.0) == 0
    assert 0 < allowed(3.0) < allowed(7.0) < allowed(12.0) < allowed(25.0) == 15000
    assert 0 < allowed(58.0) < allowed(50.0) < allowed(25.0)
    assert 0 < allowed(25.0, 0.999) < allowed(25.0, 0.97) < allowed(25.0)
    assert allowed(25.0, 1.0) == 0


def test_an_alarm_opens_the_charge_switch_and_clears_with_hysteresis():
    pack = Pack("A")
    for temp_c, alarm in ((59.0, False), (60.5, True), (57.0, True), (54.0, False)):
        pack.temp_c = temp_c
        pack.step(0.0, 0.0, 25.0)
        assert bool(pack.alarms & packs.CHARGE_OVER_TEMPERATURE) == alarm
        assert bool(pack.state & packs.CHARGE_SWITCH) != alarm
        assert (pack.accepts_a(10.0, 56.8, 0.01) > 0.0) != alarm


def test_current_heats_and_air_cools():
    pack = Pack("A")
    for _ in range(600):
        pack.step(1.0, 30.0, 25.0, 0.0)
    hot = pack.temp_c
    assert hot > 25.5
    for _ in range(600):
        pack.step(1.0, 0.0, 25.0)
    assert 25.0 < pack.temp_c < hot


def test_a_frozen_bms_repeats_itself_and_a_lying_one_does_not_add_up():
    pack = Pack("A")
    pack.step(0.2, 0.0, 25.0)
    first = pack.status().counter
    pack.frozen = True
    pack.status()
    pack.step(0.2, 5.0, 25.0)
    assert pack.status().counter == first and pack.status().current_ma == 0
    pack.frozen = False
    pack.step(0.2, 5.0, 25.0)
    assert pack.status().counter != first and pack.status().current_ma == 5000
    pack.lying = True
    assert pack.status().pack_mv > sum(pack.status().cells) * 1.1


def test_every_bad_pack_is_bad_in_its_own_way():
    fleet = Fleet(Rng(3), proof.FLEET_MASTER)
    good = fleet.make("genuine")
    assert good.allowed_charge_ma() > 0 and good.key == proof.pack_key(proof.FLEET_MASTER, good.serial)
    bad = {kind: fleet.make(kind) for kind in BAD_KINDS}
    assert bad["wrong_class"].nominal_mv == 72000 and bad["wrong_class"].volts() > 65
    assert bad["clone"].key != proof.pack_key(proof.FLEET_MASTER, bad["clone"].serial)
    assert bad["hot"].temp_c > 60 and bad["hot"].alarms & packs.CHARGE_OVER_TEMPERATURE
    assert max(bad["deep_discharged"].cell_mv()) < 1800 and bad["deep_discharged"].alarms & packs.CELL_UNDER_VOLTAGE
    assert bad["unknown_chemistry"].chemistry not in (packs.LFP, packs.NMC)
    assert bad["dead_bms"].bms_dead
    assert len(set(p.serial for p in fleet.made)) == len(fleet.made) and all(len(p.serial) <= 16 for p in fleet.made)
    assert raises(ValueError, fleet.make, "golden")


def test_a_charger_ramps_up_and_goes_off_five_seconds_after_the_last_command():
    charger, pack = Charger(0xA1), Pack("A")
    charger.command(56.8, 10.0, True)
    assert charger.step(0.1, pack) < 1.0
    for _ in range(48):
        charger.step(0.1, pack)
    assert abs(charger.out_a - 10.0) < 0.1 and charger.faults == 0
    charger.step(0.2, pack)
    assert charger.out_a == 0.0 and charger.faults == chargers.COMMUNICATION
    charger.command(56.8, 10.0, False)
    charger.step(0.1, pack)
    assert charger.out_a == 0.0 and charger.faults == 0


def test_a_charger_without_a_battery_says_so_and_without_mains_too():
    charger = Charger(0xA1)
    charger.command(56.8, 10.0, True)
    assert charger.step(0.1, None) == 0.0 and charger.faults == chargers.NO_BATTERY
    charger.command(56.8, 10.0, True)
    assert charger.step(0.1, Pack("A"), mains=False) == 0.0 and charger.faults == chargers.INPUT_VOLTAGE


def test_a_charger_cannot_reach_a_72_volt_pack():
    pack = Fleet(Rng(3), proof.FLEET_MASTER).make("wrong_class")
    charger = charging(pack, 84.0, 10.0, 2.0)
    assert charger.out_a == 0.0 and charger.out_v > 60.0


def test_a_pulse_pops_the_door_and_shutting_it_latches():
    slot = Slot(1, Charger(0xA1))
    slot.pulse(300)
    for _ in range(8):
        slot.step(0.05, 25.0, True, 1.0)
    assert not slot.door_closed and not slot.locked
    pack = Pack("A")
    slot.insert(pack)
    assert not slot.connected and not slot.talks and slot.present()
    assert raises(ValueError, slot.insert, Pack("B"))
    slot.shut()
    assert slot.connected and raises(ValueError, slot.take)
    for _ in range(8):
        slot.step(0.05, 25.0, True, 1.0)
    assert slot.talks and slot.door_closed


def test_a_short_pulse_opens_too_and_a_stuck_door_or_jammed_lock_does_not():
    for milliseconds, stuck, jammed, opens in (
        (100, False, False, True),
        (20, False, False, False),
        (300, True, False, False),
        (300, False, True, False),
    ):
        slot = Slot(1, Charger(0xA1))
        slot.door_stuck = stuck
        slot.lock_jammed = jammed
        slot.pulse(milliseconds)
        for _ in range(40):
            slot.step(0.025, 25.0, True, 1.0)
        assert slot.door_closed != opens
        assert slot.locked != opens


def test_no_current_flows_into_a_pack_behind_an_open_door():
    slot = Slot(1, Charger(0xA1))
    slot.pack = Pack("A")
    slot.charger.command(56.8, 10.0, True)
    slot.step(0.1, 25.0, True, 1.0)
    assert slot.pack.current_a > 0.0
    slot.pulse(300)
    for _ in range(10):
        slot.step(0.05, 25.0, True, 1.0)
    assert slot.pack.current_a == 0.0 and slot.charger.faults == chargers.NO_BATTERY
