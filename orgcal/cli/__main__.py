"""`python -m orgcal.cli` is `orgcal`."""

from orgcal.cli import main

main()
