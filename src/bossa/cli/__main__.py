"""``python -m bossa.cli`` is the bossa command."""

import sys

from bossa.cli import main

sys.exit(main())
