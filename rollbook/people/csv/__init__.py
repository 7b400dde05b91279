"""People as a spreadsheet: import and export. The format of the file itself is rollbook/spreadsheet.py's."""
