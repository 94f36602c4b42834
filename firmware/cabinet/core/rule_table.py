# ruff: noqa: E501  one row a rule
"""THE safety table: one row a rule. rules.py compiles it at start; rules.let_go then forgets this text, which a
controller with little memory has no room for; rule_words.py has a sentence for each rule, docs/safety.md is generated from all three.

A rule trips when its quantity reaches the limit and stays there for the debounce time. It clears when the quantity
has come back to the clear level and stayed there for the clear time, unless it latches. Which side is dangerous
belongs to the quantity.
"""

# All quantities: first those of a pack, then those of a slot, then those of the cabinet. "-" in front: small values are the
# dangerous ones. quantities.py works them out; unit and meaning of each stand in tools/swapcab/docs/safety.py.
QUANTITIES = """\
cell_max_mv -cell_min_mv class_high_mv class_low_mv cell_sum_mv over_own_ma charge_ma temp_max_ddegc -temp_min_ddegc
temp_spread_ddegc rise_3s_ddegc rise_60s_ddegc rise_over_neighbours_ddegc spread_mid_mv spread_rest_mv spread_hour_mv
spread_day_mv -soh_pct cycles chemistry_unknown implausible serial_changed duplicate proof_failed marked alarm_stop
alarm_fault alarm_note silent_ms unidentified_ms unproven_ms frozen_ms off_current_ma no_current_ms charge_s
contact_mohm volt_differs_mv current_differs_ma current_sign neighbour_hot charger_silent_ms charger_hardware
charger_hot_flag charger_input charger_note charger_ddegc charger_over_mv charger_off_ma io_silent_ms lock_disagrees forced open_ms ghost stuck compartment_ddegc
contact_rise_mohm compartment_blind cabinet_silent_ms smoke gas water emergency_stop tilt ground_fault fan mains_lost cabinet_ddegc mains_high_mv
-mains_low_mv mains_ma cabinet_blind"""


def position(name: str) -> int:
    """Where a quantity stands among the values of a slot or of the cabinet, from 0. Raises ValueError if QUANTITIES does not name it.

    The build puts the number in place of the call (tools/swapcab/compile/inline.py).
    """
    return [word.lstrip("-") for word in QUANTITIES.split()].index(name)


# Reactions, mildest first: note (journaled, nothing else), derate (charged with less), stop (not charged), give_back (not
# charged, not handed out; given back if a rider has just brought it, else kept), quarantine (not charged, no rider ever
# gets the door open), stop_cabinet (every charger off, every rider's door shut, no swaps).
# Latches: free (clears when its condition holds), stay (not before the pack has left), service (not before somebody
# authorised has cleared it, and the clear condition holds).
#
# Columns: id, scope, quantity, limit LFP, limit NMC, clear LFP, clear NMC, debounce ms, clear ms, reaction, latch,
# derate to %, reason code (words.py), source. Sources: "recall" is general knowledge that nobody checked, "proposal"
# was chosen here: a deployment must confirm both with the maker of its cells. Every other name was read; gen_safety.py
# shows where.
TABLE = """\
cell_ov_hard     pack    cell_max_mv                  3800   4250   3400   4050   500   2000 quarantine   service  0 pack_dangerous  LibreSolar
cell_ov          pack    cell_max_mv                  3650   4230   3600   4200  1000   5000 stop         free     0 pack_damaged    Lishen
cell_precharge   pack    cell_min_mv                  2500   3000   2800   3200  1000   5000 derate       free    20 pack_soc        LibreSolar
cell_deep        pack    cell_min_mv                  2000   2000   2100   2100   500   2000 give_back    stay     0 pack_soc        recall
class_high       pack    class_high_mv                   1      1      0      0     0   1000 give_back    stay     0 pack_type       proposal
class_low        pack    class_low_mv                    1      1      0      0   500   1000 give_back    stay     0 pack_type       proposal
cell_sum         pack    cell_sum_mv                  1500   1500   1000   1000  2000   5000 stop         free     0 pack_damaged    proposal
over_own         pack    over_own_ma                  2000   2000    500    500  3000  10000 stop         free     0 pack_damaged    proposal
over_current     pack    charge_ma                   60000  60000   1000   1000   320  10000 stop         service  0 pack_damaged    proposal
temp_warm        pack    temp_max_ddegc                400    400    370    370  1000   5000 derate       free    50 temperature     foxBMS
temp_high        pack    temp_max_ddegc                450    450    400    400  1000   5000 stop         free     0 temperature     LibreSolar
temp_hot         pack    temp_max_ddegc                600    600    450    450  1000  60000 quarantine   service  0 pack_dangerous  zld08
temp_runaway     pack    temp_max_ddegc                700    700    450    450  1000  60000 stop_cabinet service  0 pack_dangerous  NCR18650GA
temp_cool        pack    temp_min_ddegc                 50     50     70     70  1000   5000 derate       free    20 temperature     Alpha
temp_low         pack    temp_min_ddegc                  0      0     50     50  1000   5000 stop         free     0 temperature     LibreSolar
temp_spread      pack    temp_spread_ddegc             200    200    150    150  5000  10000 stop         free     0 pack_damaged    proposal
rise_fast        pack    rise_3s_ddegc                  30     30      5      5  1500  60000 stop_cabinet service  0 pack_dangerous  recall
rise_high        pack    rise_60s_ddegc                 50     50     10     10 10000  60000 quarantine   service  0 pack_dangerous  recall
rise_note        pack    rise_60s_ddegc                 20     20     10     10 10000  60000 derate       free    50 temperature     recall
rise_neighbours  pack    rise_over_neighbours_ddegc     30     30     10     10 10000  60000 stop         free     0 temperature     proposal
spread_mid       pack    spread_mid_mv                 150    100    120     80  2000   5000 give_back    stay     0 pack_damaged    recall
spread_any       pack    spread_rest_mv                300    200    250    150  2000   5000 give_back    stay     0 pack_damaged    recall
soft_short       pack    spread_hour_mv                 20     20      5      5     0  60000 quarantine   service  0 pack_dangerous  recall
spread_growth    pack    spread_day_mv                  10     10      5      5     0  60000 note         stay     0 pack_damaged    recall
soh_low          pack    soh_pct                        80     80     81     81  1000   5000 note         free     0 pack_soh        productgrowth
soh_end          pack    soh_pct                        70     70     71     71  1000   5000 give_back    stay     0 pack_soh        recall
cycles_high      pack    cycles                       3000   1500      0      0  1000   5000 note         stay     0 pack_soh        proposal
chemistry        pack    chemistry_unknown               1      1      0      0     0      0 give_back    stay     0 pack_type       proposal
implausible      pack    implausible                     1      1      0      0  1000  10000 give_back    free     0 pack_damaged    proposal
serial_changed   pack    serial_changed                  1      1      0      0     0      0 give_back    stay     0 pack_unknown    proposal
duplicate        pack    duplicate                       1      1      0      0     0      0 give_back    stay     0 pack_unknown    proposal
proof_failed     pack    proof_failed                    1      1      0      0     0      0 give_back    stay     0 pack_unknown    proposal
marked           pack    marked                          1      1      0      0     0      0 quarantine   service  0 pack_dangerous  proposal
alarm_stop       pack    alarm_stop                      1      1      0      0   500   5000 stop         free     0 pack_damaged    proposal
alarm_fault      pack    alarm_fault                     1      1      0      0   500   5000 give_back    stay     0 pack_damaged    proposal
alarm_note       pack    alarm_note                      1      1      0      0  1000   5000 note         free     0 pack_damaged    proposal
pack_silent      pack    silent_ms                    5000   5000   1000   1000     0   1000 give_back    free     0 pack_silent     zld08,tightened
unidentified     pack    unidentified_ms              6000   6000      0      0     0 300000 give_back    free     0 pack_unknown    proposal
unproven         pack    unproven_ms                 10000  10000      0      0     0 300000 give_back    free     0 pack_unknown    proposal
frozen           pack    frozen_ms                   15000  15000      0      0     0   5000 stop         free     0 pack_damaged    proposal
off_current      pack    off_current_ma               2000   2000    500    500 10000  10000 stop         service  0 pack_damaged    proposal
no_current       pack    no_current_ms               60000  60000      0      0     0      0 stop         stay     0 pack_damaged    zld08
charge_long      pack    charge_s                    21600  21600      0      0     0      0 stop         stay     0 pack_damaged    zld08
contact_warn     pack    contact_mohm                   80     80     60     60 10000  30000 derate       free    50 pack_damaged    proposal
contact_bad      pack    contact_mohm                  150    150     60     60 10000  30000 stop         stay     0 pack_damaged    proposal
volt_differs     pack    volt_differs_mv               4000   4000   2000   2000  3000  10000 stop         stay     0 pack_damaged    proposal
current_differs  pack    current_differs_ma            3000   3000   1000   1000 10000  10000 stop         stay     0 pack_damaged    proposal
current_sign     pack    current_sign                     1      1      0      0  5000  10000 stop         stay     0 pack_damaged    proposal
neighbour_hot    slot    neighbour_hot                   1      1      0      0     0  10000 stop         free     0 temperature     recall
charger_silent   slot    charger_silent_ms            5000   5000   1000   1000     0   1000 stop         free     0 charger_stale   Elcon
charger_fault    slot    charger_hardware                1      1      0      0   500  10000 stop         free     0 charger_stale   Elcon
charger_hot      slot    charger_hot_flag                1      1      0      0   500  10000 stop         free     0 charger_stale   Elcon
charger_input    slot    charger_input                   1      1      0      0   500  10000 stop         free     0 charger_stale   Elcon
charger_note     slot    charger_note                    1      1      0      0 10000  10000 note         free     0 charger_stale   Elcon
charger_temp     slot    charger_ddegc                 800    800    700    700  2000  10000 stop         free     0 charger_stale   zld08
charger_over     slot    charger_over_mv              1500   1500    500    500  3000  10000 stop         service  0 charger_stale   proposal
charger_runs_on  slot    charger_off_ma               1000   1000    200    200  5000  10000 stop         service  0 charger_stale   Elcon
io_silent        slot    io_silent_ms                 1500   1500    500    500     0   1000 stop         free     0 io_stale        proposal
lock_disagrees   slot    lock_disagrees                  1      1      0      0  2000   1000 stop         free     0 not_locked      recall
door_forced      slot    forced                          1      1      0      0     0   5000 stop         free     0 door_open       proposal
door_left_open   slot    open_ms                    120000 120000      0      0     0    500 note         free     0 door_open       proposal
ghost            slot    ghost                           1      1      0      0  3000   3000 stop         free     0 not_empty       proposal
door_stuck       slot    stuck                           1      1      0      0     0      0 note         free     0 door_stuck      recall
compartment_warm slot    compartment_ddegc             550    550    500    500  2000  10000 stop         free     0 temperature     chnbia
compartment_hot  slot    compartment_ddegc             700    700    650    650  1000  60000 stop_cabinet service  0 pack_dangerous  zld08
compartment_blind slot   compartment_blind                1      1      0      0 10000  10000 stop         free     0 temperature     proposal
contact_worse    slot    contact_rise_mohm               40     40     25     25     0      0 note         free     0 charger_stale   proposal
cabinet_silent   cabinet cabinet_silent_ms            2000   2000    500    500     0   1000 stop         free     0 io_stale        proposal
smoke            cabinet smoke                           1      1      0      0  1500  10000 stop_cabinet service  0 cabinet_stopped zld08
gas              cabinet gas                             1      1      0      0  1500  10000 stop_cabinet service  0 cabinet_stopped proposal
water            cabinet water                           1      1      0      0  1500  10000 stop_cabinet service  0 cabinet_stopped proposal
emergency_stop   cabinet emergency_stop                  1      1      0      0     0   1000 stop_cabinet service  0 cabinet_stopped zld08
tilt             cabinet tilt                            1      1      0      0  1000  10000 stop_cabinet service  0 cabinet_stopped proposal
ground_fault     cabinet ground_fault                    1      1      0      0   100  10000 stop_cabinet service  0 cabinet_stopped proposal
fan              cabinet fan                             1      1      0      0  2000  10000 derate       free    50 temperature     proposal
mains_lost       cabinet mains_lost                      1      1      0      0   100  10000 stop         free     0 budget          proposal
cabinet_warm     cabinet cabinet_ddegc                 450    450    420    420  5000  10000 derate       free    50 temperature     proposal
cabinet_hot      cabinet cabinet_ddegc                 550    550    500    500  5000  10000 stop         free     0 temperature     chnbia
cabinet_blind    cabinet cabinet_blind                    1      1      0      0 10000  10000 derate       free    50 temperature     proposal
mains_over       cabinet mains_high_mv              264000 264000 255000 255000   100  10000 stop         free     0 budget          zld08
mains_severe     cabinet mains_high_mv              270000 270000 255000 255000   100  10000 stop_cabinet service  0 cabinet_stopped zld08
mains_under      cabinet mains_low_mv               166000 166000 180000 180000  2000  10000 stop         free     0 budget          zld08
mains_current    cabinet mains_ma                    60000  60000  50000  50000  1000  10000 stop         free     0 budget          zld08
mains_short      cabinet mains_ma                    80000  80000   1000   1000   100  10000 stop_cabinet service  0 cabinet_stopped zld08
"""

ONLY_AT_START = True  # see unload.py
