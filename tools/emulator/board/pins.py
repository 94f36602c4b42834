"""What is wired where on the emulated board: a W5500-EVB-Pico2 that has a third serial line, for the rider terminal. Data only."""

# name in the settings: (UART, receive buffer in bytes, TX, RX, driver enable)
SERIAL = {"rs485-packs": (0, 512, 0, 1, 2), "rs485-io": (1, 512, 4, 5, 6), "kiosk": (2, 256, 20, 21, 3)}

# name in the settings: (chip select, interrupt)
CAN = {"can-1": (14, 15), "can-2": (26, 27)}
CAN_CRYSTAL_HZ = 16000000

SPI = 1
SPI_HZ = 10000000
SPI_PINS = (10, 11, 12)  # SCK, MOSI, MISO

I2C = 0
I2C_HZ = 400000
I2C_PINS = (9, 8)  # SCL, SDA

FLASH_CS = 13
# area: (first byte, size in bytes) on the SPI flash. The rest of the chip is free.
FLASH_AREAS = {"journal-a": (0, 512 * 1024), "journal-b": (512 * 1024, 128 * 1024), "state": (640 * 1024, 32 * 1024)}

HEARTBEAT = 22
SERVICE = 28
