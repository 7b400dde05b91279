"""Companies and their people: who they are, how they come, change, leave and come back."""
