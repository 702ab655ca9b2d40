"""The commands of the command line, by what they are about; `carprep.cli` puts them together."""
