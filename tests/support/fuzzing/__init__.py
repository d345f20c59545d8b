"""Seeded, bounded fuzzing of every reader and every option of the command.

    PYTHONPATH=src:tests/support python -m fuzzing --inputs 100 --seed 1 [READER …]

An input is one call of the command with a damaged file or a wrong value. It fails if it ends in anything but an
exit code, in a signal, over its bound of processor time, or with more text than a person would read.
"""
