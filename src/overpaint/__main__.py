"""``python -m overpaint``: the command, also where its script is not on the path."""

from overpaint.cli.app import main

if __name__ == "__main__":
    main()
