"""The wear of the connectors outlives a restart, and costs few writes."""

from cabinet.core import quantities
from cabinet.core.slot_state import SlotMeasures
from cabinet.runtime.connector_wear import KEY, ConnectorWear
from cabinet.store.ring import JournalFull


class Store:
    def __init__(self):
        self.data = {}
        self.puts = 0

    def get(self, key):
        return self.data.get(key)

    def put(self, key, value):
        self.puts += 1
        self.data[key] = value


class Measures:
    contact_16 = 0
    contact_first_16 = 0


class Slot:
    def __init__(self, number):
        self.number = number
        self.measures = Measures()


def bench(store, count=3):
    slots = [Slot(n + 1) for n in range(count)]
    wear = ConnectorWear(store, slots)
    wear.restore()
    return slots, wear


def test_what_was_kept_comes_back_after_a_restart():
    store = Store()
    slots, wear = bench(store)
    assert not wear.keep() and wear.view() == {}
    slots[1].measures.contact_16 = 25 * 16
    slots[1].measures.contact_first_16 = 20 * 16
    slots[2].measures.contact_16 = 999 * 16 + 15
    assert wear.keep() and wear.view() == {"2": [25, 20], "3": [999, 0]}
    slots, wear = bench(store)
    assert wear.view() == {"2": [25, 20], "3": [999, 0]} and not wear.keep()


def test_a_restart_before_the_first_mean_begins_it_anew():
    store = Store()
    slots, wear = bench(store)
    slots[0].measures = SlotMeasures()
    for _ in range(10):
        quantities._follow_contact(slots[0].measures, 20)
    assert wear.keep()
    slots = [Slot(n + 1) for n in range(3)]
    slots[0].measures = measures = SlotMeasures()
    ConnectorWear(store, slots).restore()
    for _ in range(15):
        quantities._follow_contact(measures, 20)
    assert measures.contact_16 == 320 and measures.contact_first_16 < 0
    quantities._follow_contact(measures, 20)
    assert measures.contact_first_16 == 320


def test_small_moves_are_not_written():
    store = Store()
    slots, wear = bench(store)
    for value in range(300, 340):
        slots[0].measures.contact_16 = value
        wear.keep()
    assert store.puts == 2


def test_what_the_flash_does_not_take_is_tried_again():
    store = Store()
    slots, wear = bench(store)
    slots[0].measures.contact_16 = 400
    put = store.put
    for error in (OSError(5), JournalFull("ring S: no room")):

        def refuse(key, value, error=error):
            raise error

        store.put = refuse
        assert not wear.try_to_keep()
    store.put = put
    assert wear.try_to_keep() and not wear.try_to_keep()


def test_a_record_of_another_cabinet_is_not_taken():
    store = Store()
    store.data[KEY] = bytes(8)
    slots, wear = bench(store)
    assert wear.view() == {}
    store.data[KEY] = b"\x10\x00\x10\x00" * 2
    assert bench(store)[1].view() == {}
    assert bench(store, 2)[1].view() == {"1": [1, 1], "2": [1, 1]}
