# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""The inside of one run: `micropython run.py '{"seed": 1, "hours": 0.5, ...}'`; the last line of output is what it counted."""

import gc
import json
import sys
import time


def main(words: dict) -> dict:
    """One seed; see tests/system/scenarios/soak.py for the words."""
    from virtual import sim as sims
    from virtual.judge import Violated
    from virtual.life import Life
    from virtual.plan import Plan

    sims.prepare()
    began = time.clock()  # of the processor: others may be busy on this machine
    sim = sims.Sim(words["seed"], read(words["settings"]), read(words["secrets"]), words.get("speed", 60.0))
    sim.looks = bool(words.get("looks"))
    if words.get("broken"):
        from virtual import broken

        words = dict(words, **broken.BUILDS[words["broken"]][2])
        broken.apply(sim, words["broken"])
    life = Life(sim)
    if words.get("riders"):
        life.kinds = [(kind, weight) for kind, weight in words["riders"].items()]
    plan = Plan(sim, life, words.get("faults", ()), words.get("every_s", 0), words.get("calm_s", 0), words.get("serve_s", 0))
    watched = None
    if words.get("profile"):
        from virtual import profile

        watched = profile.everything()
    error = ""
    try:
        sim.run(words["hours"])
        sim.judge.finish()
    except Violated as violated:
        error = str(violated)
    real_s = time.clock() - began
    judge = sim.judge
    virtual_s = sim.time.now_us / 1_000_000
    return {
        "seed": words["seed"], "ok": not error, "violation": judge.violation,
        "digest": sim.digest, "virtual_s": round(virtual_s, 1), "real_s": round(real_s, 2),
        "speed": round(virtual_s / real_s, 1), "swaps": sim.world.counts, "visits": sim.world.visits, "faults": plan.counts,
        "boots": sim.boots, "power_cuts": sim.power_cuts, "checks": judge.checks, "audits": sim.world.auditor.checks,
        "events": judge.events, "repeats": judge.repeats, "dropped": judge.dropped, "pulses": judge.pulses,
        "charge_starts": judge.charge_starts, "settled": plan.settled, "reactions": judge.reactions, "turns": sim.time.turns,
        "types": judge.types, "profile": watched.rows() if watched else [],
        "story": sim.story[-60:] if error or words.get("story") else [], "heap": gc.mem_alloc(),
    }


def read(path: str) -> bytes:
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
