"""The SCIM door: Okta's protocol outside, the verbs of people inside. Everything it answers is SCIM JSON."""
