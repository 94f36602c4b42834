"""The whole application on the NUCLEO board: stand-ins for the port's modules, the flash chip's model below the journal."""

from nucleo_app import run, start


def test_the_application_starts_on_the_board_and_all_its_parts_are_at_work():
    app, world = start()
    assert world.watchdog_ms == 5000

    def all_at_work():
        packs, boards = world.uarts[2].sent, world.uarts[6].sent
        return len(packs) >= 16 and len(boards) >= 16 and world.cans[1].queue and world.fed > 3

    assert run(app, all_at_work), (world.uarts[2].sent, world.uarts[6].sent, world.cans[1].queue, world.fed, app.supervisor.failed)
    assert world.cans[1].filters
    assert world.uarts[2].sent[0] in (1, 2) and world.uarts[6].sent[0] == 1
    assert world.pins["D4"].level == 0 and world.pins["C8"].level == 0
    levels = [level for name, level in world.log if name == "E9"]
    assert 1 in levels and levels[-1] in (0, 1)


def test_nobody_is_charged_without_a_pack_and_every_charger_hears_so():
    app, world = start()
    run(app, lambda: len(world.cans[1].queue) >= 4)
    for can_id, data, flags in world.cans[1].queue:
        if can_id & 0xFFFF00FF == 0x180600F4:
            assert flags == 2 and data[4] == 1 and data[:4] == b"\0\0\0\0", (hex(can_id), data)


def test_the_start_is_in_the_journal_on_the_chip():
    app, world = start()
    assert run(app, lambda: app.journal.head(0) >= 1)
    record = app.journal.read(0, 0)
    assert record.event.code == 1 and record.boot == 1
    assert world.nor.programs > 2
