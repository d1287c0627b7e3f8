"""Input of mutations of incidents."""

import strawberry

from schema.fields.commands import CommandInput
from schema.inputs.common import free_text
from schema.types.incident import Incident

MAX_COMMENT = 500


@strawberry.input(description="An incident, and a comment on the decision.")
class IncidentInput(CommandInput):
    """Input of ``acknowledgeIncident`` and ``closeIncident``."""

    incident_id: strawberry.ID = strawberry.field(description="The incident's global id.")
    comment: str = strawberry.field(
        default="", description=f"What is done about it, at most {MAX_COMMENT} characters; no personal data."
    )

    def arguments(self) -> tuple[int, str]:
        """Returns the incident's id and the comment.

        Raises:
            BadInput: the id is none of an incident, or the comment cannot be used.
        """
        return Incident.key_of(self.incident_id, "incidentId"), free_text(self.comment, "comment", MAX_COMMENT)
