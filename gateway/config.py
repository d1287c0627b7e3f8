"""Settings: the one place that reads the environment and ``config/*.yaml``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

CONFIG = Path(__file__).parents[1] / "config"

Secret = Annotated[SecretStr, Field(min_length=32)]


class SettingsError(Exception):
    """Settings are missing or wrong; the message lists all of them, one a line."""


class Settings(BaseSettings):
    """What the product needs to know, checked at start.

    A variable of the environment wins over ``config/environments/NAME.yaml``, which wins over
    ``config/production.yaml``; NAME is the value of ``ENVIRONMENT``. Secrets are never shown.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False)

    environment: Literal["production", "demo"] = Field("production", description="Which file of `config/environments`.")
    neon_database_url: SecretStr = Field(description="PostgreSQL 16 or later, as Neon hands it out.")
    postgres_replica_url: SecretStr | None = Field(None, description="Read replica for analytics.")
    neo4j_uri: str = Field(description="Neo4j 5.26 or later: `bolt://`, `neo4j://`, `neo4j+s://`.")
    neo4j_user: str = Field("neo4j", description="Neo4j's user.")
    neo4j_password: SecretStr = Field(description="Neo4j's password.")
    redis_url: SecretStr = Field(description="Redis 6.2 or later, or Valkey.")
    jwt_secret: Secret = Field(description="Signs bearer tokens (HS256); 32 characters or more.")
    secret_key: Secret = Field(description="Signs cursors and links; 32 characters or more.")
    anthropic_api_key: SecretStr | None = Field(None, description="Accepted and not used.")
    copa_airline_id: int = Field(1, gt=0, description="The tenant whose rows this installation seeds.")
    host: str = Field("0.0.0.0", description="The address to listen on.")  # noqa: S104 # an image serves its network
    port: int = Field(8000, ge=1, le=65535, description="The port to listen on.")
    workers: int = Field(1, ge=1, le=64, description="Serving processes.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="What is logged.")
    graphiql: bool = Field(False, description="Whether `/graphql` shows GraphiQL to a browser.")
    request_seconds: float = Field(10.0, gt=0, le=120, description="The longest that one operation may take.")
    body_bytes: int = Field(1_048_576, ge=1024, description="The largest request body.")
    postgres_connections: int = Field(20, ge=2, le=200, description="The most connections to PostgreSQL per process.")
    seed_bags: int = Field(0, ge=0, description="Bags that `init` seeds.")
    seed_exceptions: int = Field(0, ge=0, description="Bags among them that something goes wrong with.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 # the library's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 # the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 # the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, as it was passed in, then the files of ``config``."""
        name = init_settings().get("environment", "production")
        files = [CONFIG / "production.yaml", CONFIG / "environments" / f"{name}.yaml"]
        return init_settings, YamlConfigSettingsSource(settings_cls, yaml_file=files)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """The settings that an environment and the files give.

        Raises:
            SettingsError: something is missing or wrong.
        """
        try:
            return cls(**_known(environment))
        except ValidationError as error:
            faults = [f"{'.'.join(map(str, fault['loc'])).upper()}: {_said(fault)}" for fault in error.errors()]
            raise SettingsError("Settings are missing or wrong:\n  " + "\n  ".join(faults)) from None


def _known(environment: Mapping[str, str]) -> dict[str, Any]:
    names = {name.upper(): name for name in Settings.model_fields}
    return {names[name]: value for name, value in environment.items() if name in names and value}


def _said(fault: Any) -> str:
    """What is wrong, without the value: it may be a secret."""
    return "set it" if fault["type"] == "missing" else str(fault["msg"])
