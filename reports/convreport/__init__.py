"""Run files -> the discrepancy report: one HTML page, and a summary for the terminal.

`columns` makes runs into the columns of every table; each further file derives one section
of the page as frozen dataclasses; the templates only loop over those.
"""
