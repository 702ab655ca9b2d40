"""Runs the command line as a module: python -m carprep build …"""

from carprep.cli import main

if __name__ == "__main__":
    main()
