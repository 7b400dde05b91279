"""Which attribute of a provisioning client becomes which field of ours: one table, for everybody who needs it.

The SCIM door reads and writes by it (scim/mapping.py), the console shows it for copying, docs/attributes.md is
checked against it. What has no row is kept as it was sent.
"""

from __future__ import annotations

from dataclasses import dataclass

CORE_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE_USER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ROLLBOOK_USER = "urn:ietf:params:scim:schemas:extension:rollbook:2.0:User"
HIRE_DATE = "hireDate"  # beside it in our extension stand the company's own fields (fields.py)


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute that has a field.

    `path` begins with the schema's URN where it is an extension; `source` and `target` are Okta's names for the two
    ends of the mapping, `label` is what people call the field in Learning, `note` what they often get wrong.
    """

    path: tuple[str, ...]
    field: str
    label: str
    source: str
    target: str
    example: str
    required: bool = False
    note: str = ""

    @property
    def okta(self) -> str:
        """Okta's words for the mapping."""
        return f"{self.source} to {self.target}"

    @property
    def namespace(self) -> str:
        """The URN of the schema: Okta's *external namespace*."""
        return self.path[0] if self.path[0].startswith("urn:") else CORE_USER

    @property
    def external_name(self) -> str:
        """The path within the schema: Okta's *external name*."""
        return ".".join(part for part in self.path if not part.startswith("urn:"))


ROWS = (
    Row(
        ("userName",),
        "user_name",
        "User name",
        "user.login",
        "userName (app username)",
        "leo@acme.example",
        required=True,
        note="The sign-in key. Okta takes it from the application username format.",
    ),
    Row(("name", "givenName"), "given_name", "Given name", "user.firstName", "givenName", "Leo", required=True),
    Row(("name", "familyName"), "family_name", "Family name", "user.lastName", "familyName", "Linden", required=True),
    Row(("title",), "job_title", "Job title", "user.title", "title", "Account Executive"),
    Row(("locale",), "locale", "Locale", "user.locale", "locale", "fr-FR"),
    Row(
        ("preferredLanguage",),
        "preferred_language",
        "Preferred language",
        "user.preferredLanguage",
        "preferredLanguage",
        "fr",
    ),
    Row(("timezone",), "time_zone", "Time zone", "user.timezone", "timezone", "Europe/Paris"),
    Row(
        ("externalId",),
        "external_id",
        "External id",
        "user.id",
        "externalId",
        "00u1x2y3z4",
        note="Okta's own id of the person; Okta sends it by itself.",
    ),
    Row(
        (ENTERPRISE_USER, "costCenter"),
        "location",
        "Location",
        "user.costCenter",
        "costCenter",
        "Lyon",
        note="The cost center is the Location. A tag sets nothing.",
    ),
    Row(
        (ENTERPRISE_USER, "division"),
        "business_unit",
        "Business Unit",
        "user.division",
        "division",
        "Sales",
        note="The division is the Business Unit.",
    ),
    Row((ENTERPRISE_USER, "department"), "department", "Department", "user.department", "department", "Field Sales"),
    Row(
        (ENTERPRISE_USER, "manager", "value"),
        "manager_value",
        "Manager",
        "user.managerId",
        "managerValue",
        "mona@acme.example",
        note="An id, user name, e-mail or external id, as text.",
    ),
    Row(
        (ENTERPRISE_USER, "manager", "displayName"),
        "manager_name",
        "Manager's name",
        "user.manager",
        "managerDisplayName",
        "Mona Marigold",
    ),
    Row(
        (ROLLBOOK_USER, HIRE_DATE),
        "hire_date",
        "Hire date",
        "the profile's hire date",
        "hireDate",
        "2026-11-24",
        note="Written as YYYY-MM-DD.",
    ),
)

# The e-mail has a row of its own: which of several addresses is the user's, no path alone can say.
EMAIL = Row(
    ("emails", "value"),
    "email",
    "E-mail",
    "user.email",
    "email",
    "leo@acme.example",
    required=True,
    note="The primary one; unique among active people.",
)

# In the order in which people read it: who they are, where they work, the rest.
TABLE = tuple(sorted((*ROWS, EMAIL), key=lambda row: (not row.required, row.namespace != ENTERPRISE_USER)))
LABELS = {row.field: row.label for row in TABLE}
