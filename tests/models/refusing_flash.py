"""NOR flash that at times refuses to erase and to program, and a journal that has lived through it."""

from nor_flash import NorFlash


class RefusingFlash(NorFlash):
    """While `refuses` is set, erases and programs fail and change nothing."""

    refuses = False
    refused = 0

    def _ask(self):
        if self.refuses:
            self.refused += 1
            raise OSError(5)

    def program(self, address, data):
        """See NorFlash."""
        self._ask()
        NorFlash.program(self, address, data)

    def erase(self, address):
        """See NorFlash."""
        self._ask()
        NorFlash.erase(self, address)


def left_behind(journal, flash, event):
    """Bring a journal over 16 sectors into its second round: sectors of the first that could not be erased are passed over.

    `event(n)` makes an event that fills a sector in 40. The newest 280 or so are not acknowledged.
    """
    for n in range(1040):
        flash.refuses = n >= 704 and flash.refused < 4
        journal.idle()
        flash.refuses = False
        if journal.append(event(n)) % 40 == 0 and n < 760:
            journal.ack(0, journal.head(0))
