"""`python -m heart`: the same as the `heart` command."""

from heart.cli.app import main

if __name__ == "__main__":
    main()
