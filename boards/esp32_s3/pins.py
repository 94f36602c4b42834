"""What is wired where: ESP32-S3-DevKitC-1 (N8, N8R8, N16R8). Data only; docs/boards.md is generated from it.

Columns: use, signal, GPIO, name on the header, note. Left alone: GPIO 0, 3, 45, 46 (strapping), 19, 20 (USB), 26 to 32 (flash),
33 to 37 (PSRAM of the R8 modules), 43, 44 (UART0, the second prompt).
"""

TITLE = "ESP32-S3-DevKitC-1"
HEADER = "header"
PREFIX = "GPIO"

PINS = (
    ("rs485-packs", "TX", 17, "J1-10", "UART1_TX to the transceiver's DI"),
    ("rs485-packs", "RX", 18, "J1-11", "UART1_RX from the transceiver's RO"),
    ("rs485-packs", "DE", 16, "J1-9", "driver enable, to DE and /RE; high while sending; 10 k pull-down"),
    ("rs485-io", "TX", 5, "J1-5", "UART2_TX to the transceiver's DI"),
    ("rs485-io", "RX", 6, "J1-6", "UART2_RX from the transceiver's RO"),
    ("rs485-io", "DE", 7, "J1-7", "driver enable, to DE and /RE; high while sending; 10 k pull-down"),
    ("spi", "SCK", 12, "J1-18", "SPI2_SCK to both MCP2515 and the flash chip"),
    ("spi", "MOSI", 11, "J1-17", "SPI2_MOSI to SI and DI"),
    ("spi", "MISO", 13, "J1-19", "SPI2_MISO from SO and DO; 10 k pull-up"),
    ("flash", "CS", 8, "J1-12", "chip select of the W25Q, if one is fitted; 10 k pull-up. /WP and /HOLD of the flash to 3.3 V"),
    ("can-1", "CS", 10, "J1-16", "chip select of the first MCP2515; 10 k pull-up"),
    ("can-1", "INT", 9, "J1-15", "its /INT, low active; 10 k pull-up"),
    ("can-2", "CS", 14, "J1-20", "chip select of the second MCP2515; 10 k pull-up, also if none is fitted"),
    ("can-2", "INT", 21, "J3-18", "its /INT, low active; 10 k pull-up"),
    ("clock", "SDA", 1, "J3-4", "I2C0_SDA of the DS3231 and expanders; 2.2 k pull-up"),
    ("clock", "SCL", 2, "J3-5", "I2C0_SCL; 2.2 k pull-up"),
    ("heartbeat", "OUT", 4, "J1-4", "square wave to the charge pump of the chargers' mains relay"),
    ("service", "IN", 47, "J3-17", "button to ground: held at a reset, the cabinet does not start"),
)

FAR_ENDS = {
    "spi": "bus of the two MCP2515 and the W25Q",
    "flash": "W25Q64JV, may be left out: journal and state",
    "can-1": "MCP2515, isolated CAN transceiver: packs, chargers",
    "can-2": "MCP2515, isolated CAN transceiver: second bus",
    "clock": "DS3231 with cell; MCP23017: own inputs and outputs",
    "service": "service button",
}

# name in the settings: (UART, receive buffer in bytes, TX, RX, driver enable)
SERIAL = {"rs485-packs": (1, 512, 17, 18, 16), "rs485-io": (2, 512, 5, 6, 7)}

# name in the settings: (chip select, interrupt)
CAN = {"can-1": (10, 9), "can-2": (14, 21)}
CAN_CRYSTAL_HZ = 16000000

SPI = 2
SPI_HZ = 10000000
SPI_PINS = (12, 11, 13)  # SCK, MOSI, MISO

I2C = 0
I2C_HZ = 400000
I2C_PINS = (2, 1)  # SCL, SDA

# area: (first byte, size in bytes) in the module's own flash: partitions of that name, see partitions.csv
FLASH_AREAS = {"journal-a": (0x700000, 512 * 1024), "journal-b": (0x780000, 128 * 1024), "state": (0x7A0000, 32 * 1024)}

# True: they are on a W25Q at FLASH_CS instead, and an erase does not hold the program. Never changed on a cabinet that has a journal.
FLASH_ON_SPI = False
FLASH_CS = 8
SPI_AREAS = {"journal-a": (0, 512 * 1024), "journal-b": (512 * 1024, 128 * 1024), "state": (640 * 1024, 32 * 1024)}

HEARTBEAT = 4
SERVICE = 47
