
// Swapcab: appended to the mpconfigboard.h of a copy of NUCLEO_H743ZI2. The second CAN takes the pins of UART5.
#undef MICROPY_HW_BOARD_NAME
#define MICROPY_HW_BOARD_NAME       "SWAPCAB_H743ZI2"
#undef MICROPY_HW_UART5_TX
#undef MICROPY_HW_UART5_RX
#define MICROPY_HW_CAN2_NAME        "FDCAN2"
#define MICROPY_HW_CAN2_TX          (pin_B6)
#define MICROPY_HW_CAN2_RX          (pin_B12)
