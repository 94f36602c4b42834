"""What the board runs after boot.py: see switch.py."""

import switch

switch.run()
