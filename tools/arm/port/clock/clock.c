// The clock of the emulated controller: MicroPython's QEMU port has none. The dual timer of the MPS2 boards (CMSDK APB dual timer, its
// first half) counts down from 2^32 at 25 MHz. Under QEMU's -icount it counts instructions, so that ticks_cpu() is a ruler for code.
// Whole numbers of 32 bits only: a 64-bit division would need unwinding tables that the port's linker script leaves out.
#include "py/mphal.h"
#include "py/runtime.h"

typedef struct {
    uint32_t load;
    uint32_t value;
    uint32_t control;
} timer_regs_t;

#define TIMER ((volatile timer_regs_t *)0x40002000)
#define TIMER_RUNS_FREELY_32_BIT (0x82)
#define TICKS_PER_US (25)

typedef struct {
    uint32_t seen;  // the coarser unit's source when it was read last
    uint32_t count; // whole units since the start
    uint32_t rest;  // what is left over, in units of the source
} counter_t;

static counter_t micros, millis;

static uint32_t timer_ticks(void) {
    if (TIMER->control != TIMER_RUNS_FREELY_32_BIT) {
        TIMER->load = 0xffffffff;
        TIMER->control = TIMER_RUNS_FREELY_32_BIT;
    }
    return ~TIMER->value;
}

// Read at least once in 171 s, or the timer has wrapped unseen.
static uint32_t advance(counter_t *c, uint32_t source, uint32_t per_unit) {
    c->rest += source - c->seen;
    c->seen = source;
    c->count += c->rest / per_unit;
    c->rest %= per_unit;
    return c->count;
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return timer_ticks();
}

mp_uint_t mp_hal_ticks_us(void) {
    return advance(&micros, timer_ticks(), TICKS_PER_US);
}

mp_uint_t mp_hal_ticks_ms(void) {
    return advance(&millis, mp_hal_ticks_us(), 1000);
}

void mp_hal_delay_us(mp_uint_t us) {
    uint32_t began = mp_hal_ticks_us();
    while (mp_hal_ticks_us() - began < us) {
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    uint32_t began = mp_hal_ticks_ms();
    while (mp_hal_ticks_ms() - began < ms) {
        mp_handle_pending(true);
    }
}
