"""What is particular to esp32_s3 and w5500_evb_pico2: partitions, Wi-Fi, random sources, CAN by MCP2515 with its interrupt."""

import errno

import gpio_modules
from benches import esp32_s3, w5500_evb_pico2
from board_checks import refusal
from tree import ROOT


class Frame:
    """What the bus room hands to recv."""

    def __init__(self):
        self.can_id, self.extended, self.length, self.data = 0, False, 0, bytearray(8)


def test_a_module_without_the_partitions_says_which_file_to_write():
    bench = esp32_s3()
    del bench.world.partitions["journal-b"]
    assert "partitions.csv" in str(refusal(bench.board.flash, "journal-b"))
    assert bench.board.flash("journal-a").size == 524288


def test_a_partition_that_is_too_small_or_encrypted_is_refused():
    bench = esp32_s3()
    bench.world.partitions["state"] = 4096
    assert "32768 are needed" in str(refusal(bench.board.flash, "state"))
    bench = esp32_s3()
    bench.world.encrypted = True
    assert refusal(bench.board.flash, "state").args[0] == errno.EACCES


def test_the_partition_table_of_the_esp32_is_that_of_the_pins():
    bench = esp32_s3()
    end, found = 0x9000, {}
    with open(ROOT + "boards/esp32_s3/partitions.csv") as table:
        for line in table:
            if line.startswith("#"):
                continue
            name, _kind, _subtype, base, size = [cell.strip() for cell in line.split(",")]
            assert int(base, 16) >= end, name
            end = int(base, 16) + int(size, 16)
            found[name] = (int(base, 16), int(size, 16))
    assert end == 8 * 1024 * 1024
    for name, area in bench.pins.FLASH_AREAS.items():
        assert found[name] == area, name


def test_wifi_takes_name_and_passphrase_from_the_modules_own_storage():
    bench = esp32_s3()
    bench.world.nvs = {("swapcab", "ssid"): b"street corner", ("swapcab", "psk"): b"secret words"}
    bench.board.network()
    assert bench.world.log == [("nic", True), ("wifi", "street corner", "secret words")]


def test_without_credentials_wifi_stays_down_and_nothing_else_is_hurt():
    bench = esp32_s3()
    network = bench.board.network()
    assert bench.world.log == [("nic", True)] and not network.is_up()
    assert len(bench.board.random_bytes(16)) == 16


def test_random_bytes_of_the_esp32_need_the_radio_as_a_source_of_noise():
    bench = esp32_s3()
    bench.world.radio = False
    assert refusal(bench.board.random_bytes, 16).args[0] == errno.ENODEV


def test_random_bytes_of_the_rp2350_come_from_its_generator_or_not_at_all():
    bench = w5500_evb_pico2()
    bench.world.trng.errors = 2  # now and then a collection fails a test: a new one is made
    assert len(bench.board.random_bytes(32)) == 32
    bench.world.trng.errors = 100
    assert "fails its own tests" in str(refusal(bench.board.random_bytes, 32))
    bench = w5500_evb_pico2()
    bench.world.trng.dead = True
    real = bench.world.trng

    class Slow:
        """Time passes while the generator is looked at."""

        def __getitem__(self, address):
            bench.world.clock.pass_ms(1)
            return real[address]

        def __setitem__(self, address, value):
            real[address] = value

    bench.board._trng._memory = Slow()
    assert "delivers nothing" in str(refusal(bench.board.random_bytes, 32))


def test_ethernet_gets_its_address_by_dhcp_without_waiting():
    bench = w5500_evb_pico2()
    bench.board.network()
    assert bench.world.log[-2:] == [("nic", True), ("ipconfig", {"dhcp4": True})]


def test_an_image_without_the_w5500_driver_is_named():
    bench = w5500_evb_pico2()
    del bench.module.network.WIZNET5K
    assert "W5500_EVB_PICO2" in str(refusal(bench.board.network))


def test_frames_go_both_ways_on_both_controllers():
    for make in (esp32_s3, w5500_evb_pico2):
        bench = make()
        for name, chip in bench.world.cans.items():
            port = bench.board.can(name, 250000)
            port.set_filters([(0, 0, True)])
            assert chip.bitrate() == 250000
            assert port.send(0x1806E5F4, True, b"12345678") and chip.transmit() == (0x1806E5F4, True, b"12345678")
            chip.deliver(0x18FF1009, True, b"abc")
            frame = Frame()
            assert port.stream.ioctl(3, 1) == 1 and port.recv(frame)
            assert (frame.can_id, frame.extended, frame.length, bytes(frame.data[:3])) == (0x18FF1009, True, 3, b"abc")
            assert not port.recv(frame) and port.stream.ioctl(3, 1) == 0


def test_a_missing_can_controller_is_named():
    bench = w5500_evb_pico2()
    bench.world.selects.pop(14)
    assert "MCP2515" in str(refusal(bench.board.can, "can-1", 250000))


def test_the_flash_and_a_can_controller_share_a_bus_without_disturbing_each_other():
    """An interrupt in the middle of a transfer to the flash waits until the bus is free."""
    bench = w5500_evb_pico2()
    world = bench.world
    port = bench.board.can("can-1", 500000)
    port.set_filters([(0, 0, True)])
    area = bench.board.flash("journal-a")
    area.program(0, bytes(range(200)))
    pin, chip, real = world.pins[15], world.cans["can-1"], world.spi._call
    pin.last = 1
    sent = [0]

    def call():
        real()
        if world.spi.selected is world.nor and sent[0] < 40:
            chip.deliver(0x100 + sent[0], True, b"x")
            sent[0] += 1
        world.edges()

    world.spi._call = call
    buf = bytearray(200)
    for _ in range(30):
        area.read(0, buf)
        assert buf == bytes(range(200))
    frame, seen = Frame(), []
    while port.recv(frame):
        seen.append(frame.can_id)
    assert seen == [0x100 + i for i in range(40)] and port.overruns == 0


def test_a_wrong_flash_chip_is_an_error_and_no_board_without_journal():
    bench = w5500_evb_pico2()
    bench.world.nor.jedec = b"\x01\x02\x16"
    assert refusal(bench.board.flash, "journal-a").args[0] == errno.ENODEV


def test_wall_time_comes_from_the_rtc_chip_and_is_unknown_without_it():
    for make in (esp32_s3, w5500_evb_pico2):
        bench = make()
        assert bench.board.clock.quality() == 0
        bench.board.clock.synchronise(1795354200)
        again = bench.module.Board("/")
        assert again.clock.quality() == 1 and again.clock.wall_s() == 1795354200
        bench = make()
        bench.world.rtc.powered = False
        assert bench.board.clock.quality() == 0 and bench.board.clock.wall_s() == 0


def test_the_first_script_brings_every_output_to_its_safe_level():
    for make in (esp32_s3, w5500_evb_pico2):
        bench = make()
        world = gpio_modules.World(bench.world.port, {"can-1": bench.pins.CAN["can-1"], "can-2": bench.pins.CAN["can-2"]})
        gpio_modules.load(world, ROOT + "boards/" + bench.name, ("boot", "pins"), "boot")
        levels = {number: pin.level for number, pin in world.pins.items() if pin.level is not None}
        expected = {row[4]: 0 for row in bench.pins.SERIAL.values()}
        expected.update({row[0]: 1 for row in bench.pins.CAN.values()})
        expected[bench.pins.HEARTBEAT] = 0
        if hasattr(bench.pins, "FLASH_CS"):
            expected[bench.pins.FLASH_CS] = 1
        assert levels == expected, bench.name


def test_the_service_button_held_at_the_reset_keeps_the_cabinet_from_starting():
    for make in (esp32_s3, w5500_evb_pico2):
        bench = make()
        world = gpio_modules.World(bench.world.port, {})
        world.held = bench.pins.SERVICE
        try:
            gpio_modules.load(world, ROOT + "boards/" + bench.name, ("boot", "pins"), "boot")
            ended = ""
        except RuntimeError as error:
            ended = str(error)
        assert "held" in ended and world.pins[bench.pins.HEARTBEAT].level == 0
