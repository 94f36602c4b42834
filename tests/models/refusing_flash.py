"""NOR flash that at times refuses to erase and to program, and a journal that has lived through it."""

from nor_flash import NorFlash


class RefusingFlash(NorFlash):
    """While `refuses` is set, erases and programs fail and change nothing."""

    refuses = False

    def program(self, address, data):
        """See NorFlash."""
        if self.refuses:
            raise OSError(5)
        NorFlash.program(self, address, data)

    def erase(self, address):
        """See NorFlash."""
        if self.refuses:
            raise OSError(5)
        NorFlash.erase(self, address)


def left_behind(journal, flash, event):
    """Bring a journal over 16 sectors into its second round: sectors of the first that could not be erased are passed over.

    `event(n)` makes an event that fills a sector in 40. The newest 160 or so are not acknowledged.
    """
    for n in range(880):
        flash.refuses = 704 <= n < 708
        journal.idle()
        flash.refuses = False
        if journal.append(event(n)) % 40 == 0 and n < 720:
            journal.ack(0, journal.head(0))
