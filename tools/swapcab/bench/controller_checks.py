"""Checks of the controller alone: what it is, memory, random source, clocks, flash, watchdog, network, loop."""

from __future__ import annotations

from swapcab.bench.common import FAIL, PASS, SKIP, Bench, Result
from swapcab.bench.controller import BoardError
from swapcab.bench.slot_wiring import SlotBoard, boards

HEAP_LEAST = 24 * 1024  # bytes free beside a cabinet that runs
HEAP_RAM_KIB, HEAP_ROM_KIB, HEAP_SLOT_KIB = 272, 160, 4  # smallest heap that did swaps at 32-bit words (docs/boards.md, memory)
DISK_LEAST = 16 * 1024
DRIFT_PPM = 3000
CLOCK_S = 5.0
WALL_WRONG_S = 120
GAP_LIMIT_MS = 250
SCAN_LIMIT_MS = 500
WATCHDOG_MS = 2000
WATCHDOG_LIMIT_S = 30.0


def identity(bench: Bench) -> list[Result]:
    """Names and versions."""
    bench.identity = bench.controller.call("identity")
    bench.settings = bench.controller.call("settings")
    known = bench.identity
    results = [Result("identity", "controller", PASS, f"{known['board']}, {known['machine']}, serial {known['serial']}")]
    results.append(Result("identity", "MicroPython", PASS, known["micropython"]))
    if known["firmware"]:
        results.append(Result("identity", "firmware", PASS, f"{known['firmware']}, last reset: {known['reset_cause']}"))
    else:
        results.append(
            Result("identity", "firmware", FAIL, "none", "firmware", "install it: swapcab flash BOARD PORT, then run the bench again")
        )
    if bench.controller.call("button")["held"]:
        step = "let go of it; if nobody holds it, its contact or its wire touches ground: the cabinet would not start"
        results.append(Result("identity", "service button", FAIL, "held", "service button", step))
    if bench.settings.get("buses"):
        results.append(Result("identity", "settings", PASS, f"{known['cabinet']}, hash {known['settings']}"))
    else:
        step = "copy settings.json to the board (swapcab flash --settings FILE): without it lines, locks and broker cannot be tried"
        results.append(Result("identity", "settings", FAIL, "none", "settings.json", step))
    return results


def memory(bench: Bench) -> list[Result]:
    """Heap and file system."""
    found = bench.controller.call("memory")
    heap, disk = found["heap_free"] + found["heap_used"], found["disk_free"]
    slots = bench.settings.get("cabinet", {}).get("slots", 1)
    needed_kib = (HEAP_ROM_KIB if found["in_rom"] else HEAP_RAM_KIB) + HEAP_SLOT_KIB * slots
    if found["word"] > 4:
        needed_kib = needed_kib * 8 // 5
    where = "flash" if found["in_rom"] else "RAM"
    figure = f"{heap // 1024} KiB, {needed_kib} needed for {slots} slots with bytecode in {where}"
    results = [Result("memory", "heap", PASS, figure)]
    if heap < needed_kib * 1024:
        step = "use bytecode in flash (own image or ROMFS), or a module with more RAM"
        results[0] = Result("memory", "heap", FAIL, figure, "RAM of the controller", step)
    if disk >= DISK_LEAST:
        results.append(Result("memory", "free file system", PASS, f"{disk // 1024} KiB of {found['disk'] // 1024}"))
    else:
        step = "remove files that are not the cabinet's, or make the file system larger (docs/boards.md)"
        results.append(Result("memory", "free file system", FAIL, f"{disk // 1024} KiB", "file system of the controller", step))
    return results


def random_source(bench: Bench) -> list[Result]:
    """2,048 bytes: as many ones as zeros, no long runs, all values, and not the same ones twice."""
    part = "random source"
    step = "the controller must not be used: keys and challenges could be guessed. Exchange it, or use an image with it"
    try:
        found, again = bench.controller.call("random"), bench.controller.call("random")
    except BoardError as error:
        return [Result("random", "random source", FAIL, error.text, part, step)]
    wrong = []
    share = found["ones"] / found["bits"]
    if abs(share - 0.5) > 0.03:  # 7.7 standard deviations
        wrong.append(f"{share:.0%} of the bits are ones")
    if found["longest_run"] > 5:
        wrong.append(f"a byte came {found['longest_run']} times on end")
    if found["seen"] < 240 or found["most_of_one"] > 40:
        wrong.append(f"only {found['seen']} of 256 values, one of them {found['most_of_one']} times")
    if found["first"] == again["first"]:
        wrong.append("the same numbers twice")
    if wrong:
        return [Result("random", "random source", FAIL, "; ".join(wrong), part, step)]
    return [Result("random", "random source", PASS, f"{share:.1%} ones, {found['seen']} of 256 values")]


def _sample(bench: Bench) -> tuple[float, float, dict]:
    """(host's time before, after, the controller's clocks) of the quickest of a few calls."""
    taken = []
    for _ in range(5):
        before_s = bench.controller.now()
        found = bench.controller.call("now")
        taken.append((before_s, bench.controller.now(), found))
    return min(taken, key=lambda sample: sample[1] - sample[0])


def clock(bench: Bench) -> list[Result]:
    """The MCU's ticks and the wall clock against the host's. A call takes its time: the ticks fell somewhere between its two ends."""
    first = _sample(bench)
    bench.controller.wait(CLOCK_S)
    last = _sample(bench)
    after = last[2]
    ran_s = ((after["ticks_ms"] - first[2]["ticks_ms"]) & 0x3FFFFFFF) / 1000
    least_s, most_s = last[0] - first[1], last[1] - first[0]
    ppm = round((ran_s / ((least_s + most_s) / 2) - 1) * 1000000)
    doubt_ppm = round((most_s - least_s) / CLOCK_S * 500000) + DRIFT_PPM
    figure = f"{ppm:+} ppm against the host, which cannot tell less than {doubt_ppm}"
    if not least_s * (1 - DRIFT_PPM / 1000000) <= ran_s <= most_s * (1 + DRIFT_PPM / 1000000):
        step = "look at the crystal of the controller and its two capacitors; exchange the controller"
        results = [Result("clock", "ticks", FAIL, figure, "crystal of the controller", step)]
    else:
        results = [Result("clock", "ticks", PASS, figure)]
    off_s = after["wall_s"] - bench.unix_s()
    if not after["quality"]:
        step = "set it once over the network or with mpremote rtc --set; if it comes back unknown, exchange cell or RTC chip"
        why = after["fault"] or "never set since the supply came"
        results.append(Result("clock", "wall clock", FAIL, f"unknown: {why}", "RTC (chip, cell, crystal)", step))
    elif abs(off_s) > WALL_WRONG_S:
        step = "set it; if it is wrong again after a day, exchange the RTC's crystal or cell"
        results.append(Result("clock", "wall clock", FAIL, f"{off_s:+.0f} s off", "RTC (chip, cell, crystal)", step))
    else:
        source = "RTC" if after["quality"] == 1 else "synchronised"
        results.append(Result("clock", "wall clock", PASS, f"{off_s:+.0f} s off, {source}"))
    return results


def watchdog(bench: Bench) -> list[Result]:
    """Started and never fed, it must reset the controller."""
    if not bench.reset:
        return [Result("watchdog", "watchdog", SKIP, "not wanted", "", "run without --no-reset")]
    part = "watchdog of the controller"
    bench.controller.call("watchdog", WATCHDOG_MS)
    bench.controller.wait(WATCHDOG_MS / 1000 + 0.5)
    if not bench.controller.after_reset(WATCHDOG_LIMIT_S):
        step = "take the supply away; if it does the same again, exchange the controller"
        return [Result("watchdog", "watchdog", FAIL, "no reset, or the board does not come back", part, step)]
    cause = bench.controller.call("identity")["reset_cause"]
    if cause != "watchdog":
        step = "the board was reset by something else, or its watchdog does nothing: exchange the controller"
        return [Result("watchdog", "watchdog", FAIL, f"the cause of the reset reads {cause}", part, step)]
    return [Result("watchdog", "watchdog", PASS, f"resets after {WATCHDOG_MS} ms")]


def journal(bench: Bench) -> list[Result]:
    """The flash areas: readable, and whatever sectors hold nothing can be erased and written. Nothing stored is touched."""
    results = []
    for name, letter in (("journal-a", "A"), ("journal-b", "B"), ("state", "S")):
        part = f"flash area {name}"
        try:
            found = bench.controller.call("journal", name, letter, 1000 if bench.thorough else 8, limit_s=600)
        except BoardError as error:
            step = "type, supply, wiring and protection of the flash chip; on an ESP32 the partition table (docs/boards.md)"
            results.append(Result("flash", name, FAIL, error.text, f"{part}: flash chip", step))
            continue
        figure = f"{found['sectors']} sectors, {found['with_records']} with records, {found['tried']} tried"
        if found["unstable"]:
            step = "shorten the wires to the chip, 100 nF at its supply, a lower clock; then exchange it"
            results.append(Result("flash", name, FAIL, f"{found['unstable']} reads differ", f"{part}: wires or supply of the chip", step))
        elif found["bad"]:
            sectors = ", ".join(map(str, found["bad"]))
            step = "the journal leaves bad sectors out; a new chip must have none: exchange it"
            results.append(Result("flash", name, FAIL, f"bad: sector {sectors}", f"{part}: flash chip, sector {sectors}", step))
        else:
            how = "beside the loop" if found["beside"] else "holds the loop"
            results.append(Result("flash", name, PASS, f"{figure}, erase {found['erase_ms']} ms at most, {how}"))
    return results


def network(bench: Bench) -> list[Result]:
    """Link, address, name, broker."""
    try:
        found = bench.controller.call("link", 15000)
    except BoardError as error:
        step = "the network chip, its image or driver (docs/boards.md)"
        return [Result("network", "interface", FAIL, str(error), "network interface", step)]
    if not found["up"]:
        step = "cable and switch, or Wi-Fi name, passphrase and antenna; then the DHCP server"
        return [Result("network", "interface", FAIL, "no link or no address", "network: link or DHCP", step)]
    results = [Result("network", "interface", PASS, f"address after {found['ms']} ms")]
    uplink = bench.settings.get("uplink", {})
    if not bench.broker or not uplink.get("host"):
        return [*results, Result("network", "broker", SKIP, "not wanted" if not bench.broker else "none in the settings")]
    where = f"{uplink['host']}:{uplink.get('port', 1883)}"
    try:
        said = bench.controller.call("broker")
    except BoardError as error:
        step = "look at settings.json, secrets.json and the CA file"
        return [*results, Result("network", "broker", FAIL, str(error), "settings of the uplink", step)]
    if said["step"] == "connect":
        step = "does the name resolve, is the broker's port open from this network, does its certificate fit ca_file?"
        results.append(Result("network", "broker", FAIL, said["error"], f"way to the broker {where}", step))
    elif said["step"] == "mqtt" or said.get("code"):
        why = said.get("error") or f"CONNACK {said['code']}"
        step = "user, password (4, 5: not allowed) and address: what answers there may be no MQTT broker"
        results.append(Result("network", "broker", FAIL, why, f"broker {where}", step))
    else:
        results.append(Result("network", "broker", PASS, f"{where} takes the connection"))
    return results


def loop(bench: Bench) -> list[Result]:
    """The firmware's bus code on the slot boards, on this very MCU."""
    buses = []
    for bus, port, baud in bench.lines("modbus"):
        if bus in bench.faulty_lines:
            continue
        units = [board.address for board in boards(bench.wirings()) if isinstance(board, SlotBoard) and board.bus == bus]
        if units:
            buses.append([bus, port, baud, units])
    found = bench.controller.call("loop", buses, 5)
    gap_ms = found["gap_us"] / 1000
    figure = f"largest gap {gap_ms:.1f} ms, garbage collection {found['collect_us'] / 1000:.1f} ms"
    part = "controller: too slow, or its clock is"
    step = "bytecode in flash instead of RAM, a board that erases beside the loop, a faster MCU"
    status = FAIL if gap_ms > GAP_LIMIT_MS else PASS
    results = [Result("loop", "loop gap", status, figure, part if status == FAIL else "", step if status == FAIL else "")]
    if buses:
        status = FAIL if found["scan_ms"] > SCAN_LIMIT_MS or not found["scan_ms"] else PASS
        step = "a higher baud rate, fewer boards a line, boards that answer"
        scan = Result("loop", "scan time", status, f"{found['scan_ms']} ms between two answers of a slot board at most")
        if status == FAIL:
            scan.part, scan.step = "line of the slot boards", step
        results.append(scan)
    return results
