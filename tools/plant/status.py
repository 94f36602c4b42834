"""One measurement of a BMS, as it goes onto the pack link. Portable."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plant.pack import Pack


class Status:
    """One measurement as the BMS reports it, in the units of the pack link."""

    def __init__(self, pack: "Pack") -> None:
        cells = pack.cell_mv()
        temps = pack.temps_ddegc()
        self.counter = pack.counter
        self.state = pack.state
        self.alarms = pack.alarms
        self.pack_mv = int(pack.volts() * 1000.0 * (1.15 if pack.lying else 1.0))
        self.current_ma = int(pack.current_a * 1000.0)
        self.soc_dpct = max(0, min(1000, int(pack.soc * 1000.0 + 0.5)))
        self.soh_dpct = int(pack.soh * 1000.0)
        self.cells = cells
        self.cell_min = min(cells)
        self.cell_max = max(cells)
        self.index_min = cells.index(self.cell_min)
        self.index_max = cells.index(self.cell_max)
        self.temps = temps
        self.temp_min = min(temps)
        self.temp_max = max(temps)
        self.temp_mos = int((pack.temp_c + abs(pack.current_a) * 0.3) * 10.0)
        self.charge_ma = pack.allowed_charge_ma()
        self.charge_mv = pack.allowed_charge_mv()
        self.discharge_ma = pack.allowed_discharge_ma()
        self.cycles = pack.cycles
        self.remaining_mah = int(max(0.0, pack.soc) * pack.capacity_mah * pack.soh)
