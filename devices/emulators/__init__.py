"""Boards and heads of software, with faults: for rehearsal and tests. `python -m devices.emulators` runs one."""
