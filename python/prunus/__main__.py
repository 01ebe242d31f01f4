"""`python -m prunus`."""

from __future__ import annotations

import sys

from prunus.cli import main

sys.exit(main())
