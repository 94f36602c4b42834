"""The packs of the simulated world: genuine ones of two makes, and every kind of bad one."""

from plant import pack as packs
from plant import proof
from plant.rng import Rng

BAD_KINDS = ("wrong_class", "clone", "hot", "deep_discharged", "unknown_chemistry", "dead_bms")


class Fleet:
    """Makes packs, and keeps a list of every pack made."""

    def __init__(self, rng: Rng, fleet_master: bytes) -> None:
        self.rng = rng
        self.master = fleet_master
        self.made = []

    def make(self, kind: str = "genuine", soc: float = 0.5, temp_c: float = 25.0) -> packs.Pack:
        """A pack of a kind: "genuine" or one of BAD_KINDS. Raises ValueError for another."""
        if kind != "genuine" and kind not in BAD_KINDS:
            raise ValueError("no such kind of pack: " + kind)
        rng = self.rng
        number = len(self.made) + 1
        if kind == "wrong_class":
            p = packs.Pack("SC72N25-%06d" % number, packs.NMC, 20, 25000, kind=kind)
        elif rng.below(4) == 0:
            p = packs.Pack("SC48N26-%06d" % number, packs.NMC, 13, 26000, kind=kind)
            p.firmware = 0x0201
        else:
            p = packs.Pack("SC48L30-%06d" % number, packs.LFP, 16, 30000, kind=kind)
        p.key = rng.data(32) if kind == "clone" else proof.pack_key(self.master, p.serial)
        p.soc = soc
        p.temp_c = temp_c
        p.soh = rng.between(0.88, 1.0)
        p.cycles = rng.below(600)
        p.offsets_mv = [rng.below(9) - 4 for _ in range(p.cells)]
        if kind == "hot":
            p.temp_c = 62.0
        elif kind == "deep_discharged":
            p.soc = -0.09
        elif kind == "unknown_chemistry":
            p.chemistry = packs.UNKNOWN
        elif kind == "dead_bms":
            p.bms_dead = True
        p.step(0.0, 0.0, temp_c)
        self.made.append(p)
        return p
