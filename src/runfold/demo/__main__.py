"""`python -m runfold.demo`."""

from __future__ import annotations

import sys

from runfold.demo.tour import main

sys.exit(main())
