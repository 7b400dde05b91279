"""The standard integration: Okta is read twice a day, and what is read decides what happens to people."""
