"""The SCIM door: what a provisioning client speaks to. The protocol itself lies in `protocol/`, pure."""
