"""`python -m rollbook`, and the program `rollbook`."""

from rollbook.cli import main

if __name__ == "__main__":
    main()
