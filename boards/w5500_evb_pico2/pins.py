"""What is wired where: WIZnet W5500-EVB-Pico2 (RP2350). Data only; docs/boards.md is generated from it.

Columns: use, signal, GPIO, number on the header, note. GP16 to GP21 go to the W5500 on the board; GP23 to GP25 and GP29 are the
board's own (supply mode, USB, LED, supply voltage).
"""

TITLE = "W5500-EVB-Pico2"
HEADER = "pin"
PREFIX = "GP"

PINS = (
    ("rs485-packs", "TX", 0, "1", "UART0_TX to the transceiver's DI"),
    ("rs485-packs", "RX", 1, "2", "UART0_RX from the transceiver's RO"),
    ("rs485-packs", "DE", 2, "4", "driver enable, to DE and /RE; high while sending; 10 k pull-down"),
    ("rs485-io", "TX", 4, "6", "UART1_TX to the transceiver's DI"),
    ("rs485-io", "RX", 5, "7", "UART1_RX from the transceiver's RO"),
    ("rs485-io", "DE", 6, "9", "driver enable, to DE and /RE; high while sending; 10 k pull-down"),
    ("spi", "SCK", 10, "14", "SPI1_SCK to flash and CAN controllers"),
    ("spi", "MOSI", 11, "15", "SPI1_TX to DI and SI"),
    ("spi", "MISO", 12, "16", "SPI1_RX from DO and SO; 10 k pull-up"),
    ("flash", "CS", 13, "17", "chip select, low active; 10 k pull-up. /WP and /HOLD of the flash to 3.3 V"),
    ("can-1", "CS", 14, "19", "chip select of the first MCP2515; 10 k pull-up"),
    ("can-1", "INT", 15, "20", "its /INT, low active; 10 k pull-up"),
    ("can-2", "CS", 26, "31", "chip select of the second MCP2515; 10 k pull-up, also if none is fitted"),
    ("can-2", "INT", 27, "32", "its /INT, low active; 10 k pull-up"),
    ("clock", "SDA", 8, "11", "I2C0_SDA of the DS3231 and expanders; 2.2 k pull-up"),
    ("clock", "SCL", 9, "12", "I2C0_SCL; 2.2 k pull-up"),
    ("heartbeat", "OUT", 22, "29", "square wave to the charge pump of the chargers' mains relay"),
    ("service", "IN", 28, "34", "button to ground: held at a reset, the cabinet does not start"),
    ("ethernet", "MISO", 16, "21", "on the board: SPI0 to the W5500; leave the header pins free"),
    ("ethernet", "CS", 17, "22", "on the board"),
    ("ethernet", "SCK", 18, "24", "on the board"),
    ("ethernet", "MOSI", 19, "25", "on the board"),
    ("ethernet", "RST", 20, "26", "on the board"),
    ("ethernet", "INT", 21, "27", "on the board"),
)

FAR_ENDS = {
    "spi": "bus of the flash and the two MCP2515",
    "can-1": "MCP2515, isolated CAN transceiver: packs, chargers",
    "can-2": "MCP2515, isolated CAN transceiver: second bus",
    "clock": "DS3231 with cell; MCP23017: own inputs and outputs",
    "service": "service button",
    "ethernet": "W5500, RJ45 (on the board)",
}

# name in the settings: (UART, receive buffer in bytes, TX, RX, driver enable)
SERIAL = {"rs485-packs": (0, 512, 0, 1, 2), "rs485-io": (1, 512, 4, 5, 6)}

# name in the settings: (chip select, interrupt)
CAN = {"can-1": (14, 15), "can-2": (26, 27)}
CAN_CRYSTAL_HZ = 16000000

SPI = 1
SPI_HZ = 10000000  # what an MCP2515 stands
SPI_PINS = (10, 11, 12)  # SCK, MOSI, MISO

I2C = 0
I2C_HZ = 400000
I2C_PINS = (9, 8)  # SCL, SDA

FLASH_CS = 13
# area: (first byte, size in bytes) on the SPI flash. The rest of the chip is free.
FLASH_AREAS = {"journal-a": (0, 512 * 1024), "journal-b": (512 * 1024, 128 * 1024), "state": (640 * 1024, 32 * 1024)}

HEARTBEAT = 22
SERVICE = 28
