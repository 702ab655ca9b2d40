"""Runs the command line from a checkout: python cli.py build …"""

from carprep.cli import main

if __name__ == "__main__":
    main()
