"""Attendance: who joined and left each meeting, and when, from the meetings' notification messages.

    python -m meeting_provider.attendance events.jsonl --csv attendance.csv

`matching` pairs join and leave events, `archive` keeps messages in a file with one on each line,
`collecting` moves them there from a queue, and `report` writes the CSV and the table.
"""
