"""`python -m runfold` is `runfold`."""

from runfold.cli import main

main()
