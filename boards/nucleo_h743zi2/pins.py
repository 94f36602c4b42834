"""What is wired where: NUCLEO-H743ZI2 (MB1364). Data only; docs/boards.md is generated from it.

Columns: use, signal, CPU pin, name on the Zio connectors, note. CPU pins are written without their P, as in `Pin.cpu`.
Never give these names to `Pin()`: it reads "D4" as Zio D4, which is PE14, and not as PD4.
"""

PINS = (
    ("rs485-packs", "TX", "D5", "D53", "USART2_TX to the transceiver's DI"),
    ("rs485-packs", "RX", "D6", "D52", "USART2_RX from the transceiver's RO"),
    ("rs485-packs", "DE", "D4", "D54", "driver enable, to DE and /RE; high while sending; 10 k pull-down"),
    ("rs485-io", "TX", "C6", "D16", "USART6_TX to the transceiver's DI"),
    ("rs485-io", "RX", "C7", "D21", "USART6_RX from the transceiver's RO"),
    ("rs485-io", "DE", "C8", "D43", "driver enable, to DE and /RE; high while sending; 10 k pull-down"),
    ("kiosk", "TX", "F7", "D62", "UART7_TX, 3.3 V"),
    ("kiosk", "RX", "F6", "A8", "UART7_RX, 3.3 V"),
    ("can-1", "TX", "D1", "D66", "FDCAN1_TX to the transceiver's TXD"),
    ("can-1", "RX", "D0", "D67", "FDCAN1_RX from the transceiver's RXD"),
    ("can-2", "TX", "B6", "D1", "FDCAN2_TX to the transceiver's TXD; needs the Swapcab image"),
    ("can-2", "RX", "B12", "D19", "FDCAN2_RX from the transceiver's RXD; needs the Swapcab image"),
    ("flash", "SCK", "B3", "D23", "SPI3_SCK; also the debugger's SWO input, which does not disturb"),
    ("flash", "MISO", "B4", "D25", "SPI3_MISO from the flash's DO; 10 k pull-up"),
    ("flash", "MOSI", "B5", "D22", "SPI3_MOSI to the flash's DI; the same pin is D11"),
    ("flash", "CS", "A4", "D24", "chip select, low active; 10 k pull-up. /WP and /HOLD of the flash to 3.3 V"),
    ("expanders", "SCL", "B8", "D15", "I2C1_SCL; 2.2 k pull-up"),
    ("expanders", "SDA", "B9", "D14", "I2C1_SDA; 2.2 k pull-up. /RESET of the expanders to NRST"),
    ("heartbeat", "OUT", "E9", "D6", "square wave to the charge pump of the chargers' mains relay"),
    ("ethernet", "MDC", "C1", "", "on the board: RMII to the LAN8742A"),
    ("ethernet", "MDIO", "A2", "", "on the board"),
    ("ethernet", "REF_CLK", "A1", "", "on the board"),
    ("ethernet", "CRS_DV", "A7", "", "on the board"),
    ("ethernet", "RXD0", "C4", "", "on the board"),
    ("ethernet", "RXD1", "C5", "", "on the board"),
    ("ethernet", "TX_EN", "G11", "", "on the board"),
    ("ethernet", "TXD0", "G13", "", "on the board"),
    ("ethernet", "TXD1", "B13", "D18", "on the board; D18 must stay free"),
    ("repl", "TX", "D8", "", "USART3_TX to the ST-LINK's virtual serial port"),
    ("repl", "RX", "D9", "", "USART3_RX from the ST-LINK's virtual serial port"),
)

# name in the settings: (UART number, receive buffer in bytes, driver-enable pin or "")
SERIAL = {"rs485-packs": (2, 512, "D4"), "rs485-io": (6, 512, "C8"), "kiosk": (7, 256, "")}

# name in the settings: CAN controller
CAN = {"can-1": 1, "can-2": 2}

FLASH_SPI = 3
FLASH_HZ = 20000000
FLASH_CS = "A4"
# area: (first byte, size in bytes). The rest of the chip is free for later use: file areas, a second firmware.
FLASH_AREAS = {"journal-a": (0, 512 * 1024), "journal-b": (512 * 1024, 128 * 1024), "state": (640 * 1024, 32 * 1024)}

EXPANDER_I2C = 1
EXPANDER_HZ = 400000

HEARTBEAT = "E9"
