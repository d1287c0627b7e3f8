"""Input of mutations of effects."""

import strawberry

from schema.fields.commands import CommandInput
from schema.types.effect import Effect


@strawberry.input(description="An effect.")
class EffectInput(CommandInput):
    """Input of ``resendEffect`` and ``cancelEffect``."""

    effect_id: strawberry.ID = strawberry.field(description="The effect's global id.")

    def arguments(self) -> tuple[int]:
        """Returns the effect's id.

        Raises:
            BadInput: it is none of an effect.
        """
        return (Effect.key_of(self.effect_id, "effectId"),)
