"""The learning side: content, assignments, triggers, reports."""
