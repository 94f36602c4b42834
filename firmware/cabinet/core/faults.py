"""Faults: what the rules make of the quantities. Level-based: a fault stands as long as its condition does.

One FaultSet belongs to a slot or to the cabinet. Quantities come in a list in the order of the table, with the
sign turned where small values are the dangerous ones, so that one comparison does for all. Nothing is allocated
unless a fault comes or goes.

Readings come once a second, rounds twenty times. While no debounce or clear time runs, the same quantities would change nothing: such
a round only compares them with those of the last one, which is a fiftieth of the work.
"""

from array import array

from micropython import const

from cabinet.core import events, rules, ticks
from cabinet.core.limits import CHEMISTRIES
from cabinet.core.rules import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.core.limits import LimitSet

_QUIET = const(0)
_PENDING = const(1)  # at the limit, debounce running
_PAUSED = const(2)  # was at the limit and is not known any more: the debounce stands still
_ACTIVE = const(3)  # this one and those above it stand
_CLEARING = const(4)  # back at the clear level, clear time running
_RELEASED = const(5)  # active, but service has lifted the latch
_TIMED = (b"\x01", b"\x04")  # pending and clearing


class CompiledLimits:
    """Rows of a limit set, made once and shared by all slots."""

    def __init__(self, limits: "LimitSet", scopes: tuple) -> None:
        self.limits = limits
        strictest = limits.compile(scopes, CHEMISTRIES[0])
        self.rows = (strictest,) + tuple(limits.compile(scopes, chemistry, strictest) for chemistry in CHEMISTRIES[1:])


class FaultSet:
    """The faults of one slot (scopes PACK and SLOT) or of the cabinet."""

    def __init__(self, compiled: CompiledLimits, slot: int) -> None:
        self.slot = slot
        self._compiled = compiled
        self.chemistry = 0
        self._rows = compiled.rows[0]
        self.state = bytearray(rules.COUNT)
        self._since = {}  # rule: when its debounce or clear time began; of a paused one, how long it has run
        self._judged = array("i", [0] * rules.QUANTITIES)  # what was evaluated last
        self._settled = False  # evaluating the same again would change nothing
        self.worst_rule = -1  # the rule behind it
        self.stop_rule = -1  # severest rule that forbids charging; -1: none
        self.keep_rule = -1  # severest rule that forbids handing out
        self.derate_pct = 100
        self.pending = 0  # rules of GIVE_BACK or worse whose debounce is running
        self.changes = 0  # counts, so that others see that something came or went

    def set_chemistry(self, chemistry: int) -> None:
        """Apply the limits of this chemistry from now on."""
        if chemistry >= len(CHEMISTRIES):
            chemistry = 0
        if chemistry != self.chemistry:
            self.chemistry = chemistry
            self._rows = self._compiled.rows[chemistry]
            self._settled = False

    def limit(self, rule: int) -> int:
        """The limit of a rule as it applies now."""
        return self._compiled.limits.limit(rule, self.chemistry)

    @property
    def worst(self) -> int:
        """Severest reaction that stands; -1: none."""
        return rules.reaction(self.worst_rule) if self.worst_rule >= 0 else -1

    @property
    def version(self) -> str:
        """Version of the limit set."""
        return self._compiled.limits.version

    def held_ms(self, rule: int, now_ms: int) -> int:
        """How long a fault that has just been raised was at its limit."""
        return ticks.diff(now_ms, self._since[rule]) if rules.debounce_ms(rule) else 0

    def active(self, rule: int) -> bool:
        """Whether this fault stands."""
        return self.state[rule] >= _ACTIVE

    def evaluate(self, quantities: "array[int] | list[int]", now_ms: int, out: list, pack: str) -> None:
        """One step: raise and clear, and append the events to `out`."""
        if self._settled and quantities == self._judged:
            return
        state = self.state
        for quantity, limit, rule in self._rows:
            if quantities[quantity] >= limit:
                if state[rule] != _ACTIVE:
                    self._trip(rule, quantities[quantity], limit, now_ms, out, pack)
            elif state[rule]:
                self._relax(rule, quantities[quantity], now_ms, out, pack)
        judged = self._judged
        for index in range(len(judged)):
            judged[index] = quantities[index]
        self._settled = not (_TIMED[0] in state or _TIMED[1] in state)

    def _trip(self, rule: int, value: int, limit: int, now_ms: int, out: list, pack: str) -> None:
        state = self.state[rule]
        debounce_ms = rules.debounce_ms(rule)
        if state >= _CLEARING:
            if rules.latch(rule) == rules.FREE:
                self.state[rule] = _ACTIVE  # its end was never journaled
                return
            self._since[rule] = ticks.add(now_ms, -debounce_ms)  # service had lifted it: it falls back at once, and is journaled again
        elif debounce_ms and state != _PENDING:
            self.state[rule] = _PENDING
            self._since[rule] = ticks.add(now_ms, -self._since[rule]) if state == _PAUSED else now_ms
            if rules.reaction(rule) >= rules.GIVE_BACK:
                self.pending += 1
            return
        if state == _PENDING:
            if ticks.diff(now_ms, self._since[rule]) < debounce_ms:
                return
            if rules.reaction(rule) >= rules.GIVE_BACK:
                self.pending -= 1
        self.state[rule] = _ACTIVE
        side = rules.side(rule)
        reaction = rules.REACTIONS[rules.reaction(rule)]
        out.append(events.make("fault.raised", self.slot, pack, rules.IDS[rule], reaction, value * side, limit * side))
        self._summarise()

    def _relax(self, rule: int, value: int, now_ms: int, out: list, pack: str) -> None:
        state = self.state[rule]
        if value == UNKNOWN:  # such time counts neither against the slot nor for it
            if state == _PENDING:
                self._forget(rule)
                self.state[rule] = _PAUSED
                self._since[rule] = ticks.diff(now_ms, self._since[rule])
            elif state == _CLEARING:
                self._stand_again(rule)
            return
        if state <= _PAUSED:
            self._forget(rule)
            return
        if state == _ACTIVE and rules.latch(rule) != rules.FREE:
            return
        clear = self._compiled.limits.clear(rule, self.chemistry) * rules.side(rule)
        if value > clear:
            if state == _CLEARING:
                self._stand_again(rule)
            return
        if state != _CLEARING:
            self.state[rule] = _CLEARING
            self._since[rule] = now_ms
        if ticks.diff(now_ms, self._since[rule]) >= rules.clear_ms(rule):
            self._clear(rule, out, pack)

    def _stand_again(self, rule: int) -> None:
        self.state[rule] = _ACTIVE if rules.latch(rule) == rules.FREE else _RELEASED

    def _forget(self, rule: int) -> None:
        if self.state[rule] == _PENDING and rules.reaction(rule) >= rules.GIVE_BACK:
            self.pending -= 1
        self.state[rule] = _QUIET

    def _clear(self, rule: int, out: list, pack: str) -> None:
        self.state[rule] = _QUIET
        out.append(events.make("fault.cleared", self.slot, pack, rules.IDS[rule]))
        self._summarise()

    def pack_gone(self, out: list, pack: str) -> None:
        """The pack left: its faults go with it, except those that only service may clear and has not lifted yet."""
        self._settled = False
        for rule in range(rules.COUNT):
            if rules.scope(rule) != rules.PACK or not self.state[rule]:
                continue
            if self.state[rule] < _ACTIVE:
                self._forget(rule)
            elif rules.latch(rule) != rules.SERVICE or self.state[rule] != _ACTIVE:
                self._clear(rule, out, pack)

    def service_clear(self, quantities: "array[int] | list[int]", out: list, pack: str, gone: bool) -> int:
        """Lift the latches. What is still dangerous stays until its clear condition holds; what was about a pack that is `gone`
        does not. Returns how many were lifted."""
        lifted = 0
        self._settled = False
        for rule in range(rules.COUNT):
            if self.state[rule] == _CLEARING and rules.latch(rule) == rules.FREE:
                self._clear(rule, out, pack)  # no need to wait any longer
            elif self.state[rule] == _ACTIVE and rules.latch(rule) != rules.FREE:
                self.state[rule] = _RELEASED
                lifted += 1
                if quantities[rules.quantity(rule)] == UNKNOWN and rules.scope(rule) == rules.PACK and gone:
                    self._clear(rule, out, pack)
        return lifted

    def restore(self, rule: int) -> None:
        """Put a latched fault back after a restart."""
        self.state[rule] = _ACTIVE
        self._settled = False
        self._summarise()

    def lasting(self) -> list:
        """The rules that outlive a restart: those that only service may clear, until their clear condition has held."""
        return [rule for rule in range(rules.COUNT) if self.state[rule] >= _ACTIVE and rules.latch(rule) == rules.SERVICE]

    def latched(self) -> list:
        """Those of them that service has not lifted yet."""
        return [rule for rule in range(rules.COUNT) if self.state[rule] == _ACTIVE and rules.latch(rule) == rules.SERVICE]

    def names(self) -> list:
        """Ids of all faults that stand, for people."""
        return [rules.IDS[rule] for rule in range(rules.COUNT) if self.state[rule] >= _ACTIVE]

    def _summarise(self) -> None:
        self.changes += 1
        self.worst_rule = self.stop_rule = self.keep_rule = -1
        worst = -1
        self.derate_pct = 100
        stop = keep = rules.NOTE
        for rule in range(rules.COUNT):
            if self.state[rule] < _ACTIVE:
                continue
            reaction = rules.reaction(rule)
            if reaction > worst:
                worst = reaction
                self.worst_rule = rule
            if reaction >= rules.STOP and reaction > stop:
                stop = reaction
                self.stop_rule = rule
            if reaction >= rules.GIVE_BACK and reaction > keep:
                keep = reaction
                self.keep_rule = rule
            if reaction == rules.DERATE and rules.derate_pct(rule) < self.derate_pct:
                self.derate_pct = rules.derate_pct(rule)
