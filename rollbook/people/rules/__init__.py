"""Rules of smart groups: tree.py says what one is, text.py how it is written, evaluation.py whom it means.

Pure: no database, no clock. Whose rules they are and who is in the groups is smart_groups.py's.
"""
