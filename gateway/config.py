"""Settings: the only module that interprets the environment and reads ``config/*.yaml``."""

from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from sendgrid.helpers.eventwebhook import EventWebhook

from gateway.errors import CommandError

CONFIG = Path(__file__).parents[1] / "config"

Secret = Annotated[SecretStr, Field(min_length=32)]


class SettingsError(CommandError):
    """Settings are missing or invalid; the message lists all of them, one a line."""


def _parsed_json(value: Any) -> Any:
    """Parses a string, as in the environment, as JSON."""
    if isinstance(value, str):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise ValueError("must be JSON") from error
    return value


def _verification_key(value: str) -> str:
    try:
        EventWebhook(value)
    except ValueError as error:
        raise ValueError("must be a verification key, as in SendGrid's mail settings") from error
    return value


class ServiceFlags(BaseModel):
    """Whether a partner is used, and whether a mock replaces it.

    Args:
        enabled: False sends nothing to the partner.
        mock: call the mock instead of the partner.
        fallback: call the mock while the partner is unavailable; effects that it accepts are labelled, and the partner
            does not have them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    mock: bool = False
    fallback: bool = False


class ExternalServices(BaseModel):
    """Flags of all partners."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    worldtracer: ServiceFlags = ServiceFlags()
    twilio: ServiceFlags = ServiceFlags()
    sendgrid: ServiceFlags = ServiceFlags()


# Settings that an enabled partner requires: for the partner itself, and for its mock.
REQUIRED = {
    "worldtracer": (("worldtracer_endpoint", "worldtracer_api_key"), "worldtracer_mock_endpoint"),
    "twilio": (("twilio_account_sid", "twilio_auth_token", "twilio_phone_number"), "twilio_mock_endpoint"),
    "sendgrid": (("sendgrid_api_key", "sendgrid_from_email"), "sendgrid_mock_endpoint"),
}


class Settings(BaseSettings):
    """All settings, validated at start.

    An environment variable takes precedence over ``config/environments/NAME.yaml``, which takes precedence over
    ``config/production.yaml``; NAME is the value of ``ENVIRONMENT``. Secrets never appear in messages or logs.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False)

    environment: Literal["production", "demo"] = Field(
        "production", description="Which file of `config/environments` applies."
    )
    neon_database_url: SecretStr = Field(description="PostgreSQL 16 or later, with the URL as Neon shows it.")
    postgres_direct_url: SecretStr | None = Field(
        None, description="Address that bypasses the pooler of `NEON_DATABASE_URL`; not for Neon's pooler."
    )
    postgres_replica_url: SecretStr | None = Field(None, description="Read replica for analytics.")
    neo4j_uri: str = Field(description="Neo4j 5.26 or later: `bolt://`, `neo4j://`, `neo4j+s://`.")
    neo4j_user: str = Field("neo4j", description="Neo4j's user.")
    neo4j_password: SecretStr = Field(description="Neo4j's password.")
    redis_url: SecretStr = Field(description="Redis 6.2 or later, or Valkey.")
    jwt_secret: Secret = Field(description="Signs bearer tokens (HS256); at least 32 characters.")
    secret_key: Secret = Field(description="Signs cursors and links; at least 32 characters.")
    anthropic_api_key: SecretStr | None = Field(None, description="Accepted and not used.")
    copa_airline_id: int = Field(1, gt=0, description="The tenant whose rows this installation seeds.")
    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104 # an image serves its network
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    workers: int = Field(1, ge=1, le=64, description="Number of serving processes.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level that is logged.")
    graphiql: bool = Field(False, description="Whether `/graphql` shows GraphiQL to a browser.")
    request_seconds: float = Field(10.0, gt=0, le=120, description="Longest time for one operation, in seconds.")
    body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body, in bytes.")
    postgres_connections: int = Field(10, ge=2, le=200, description="Most connections to PostgreSQL per process.")
    live_hours: int = Field(
        24, ge=1, le=720, description="How long the cursor of a subscription stays valid, in hours."
    )
    live_connections: int = Field(1_000, ge=1, description="Most WebSockets and event streams per process.")
    live_subscriptions: int = Field(100, ge=1, description="Most subscriptions, and streams, of one actor per process.")
    live_address_connections: int = Field(
        250, ge=1, description="Most streams of one address without a token per process."
    )
    seed_bags: int = Field(0, ge=0, description="Number of bags that `init` seeds.")
    seed_exceptions: int = Field(0, ge=0, description="Number of seeded bags with an irregularity.")
    external_services: Annotated[ExternalServices, BeforeValidator(_parsed_json)] = Field(
        ExternalServices(),
        description="`enabled`, `mock` and `fallback` of worldtracer, twilio and sendgrid; JSON in the environment.",
    )
    kafka_bootstrap_servers: str | None = Field(
        None, description="Kafka brokers, `host:port,...`; without them Kafka is not read."
    )
    kafka_topic: str | None = Field(None, description="Topic that `consume` reads.")
    kafka_group: str = Field("baggage-gateway", description="Consumer group that shares the topic's partitions.")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`."
    )
    kafka_username: str | None = Field(None, description="Kafka's user, with SASL.")
    kafka_password: SecretStr | None = Field(None, description="Kafka's password, with SASL.")
    kafka_ca_file: Path | None = Field(
        None, description="Certificate authorities in PEM, in addition to the machine's."
    )
    public_url: Annotated[str, AfterValidator(lambda url: url.rstrip("/"))] = Field(
        "http://127.0.0.1:8000",
        pattern=r"^https?://[^\s/]+",
        description="URL under which providers and passengers reach the product.",
    )
    brand: str = Field("Copa", min_length=2, max_length=20, description="The airline's name in messages.")
    designator: str = Field("CM", pattern=r"^[A-Z0-9]{2}$", description="Airline designator of WorldTracer files.")
    worldtracer_endpoint: str | None = Field(None, description="WorldTracer's URL.")
    worldtracer_api_key: SecretStr | None = Field(None, description="WorldTracer's API key.")
    worldtracer_mock_endpoint: str | None = Field(None, description="URL of a mock of WorldTracer.")
    twilio_account_sid: str | None = Field(None, description="Twilio's account, `AC...`.")
    twilio_auth_token: SecretStr | None = Field(None, description="Twilio's token, which also signs callbacks.")
    twilio_phone_number: str | None = Field(None, description="Sending number (E.164) or messaging service `MG...`.")
    twilio_mock_endpoint: str | None = Field(None, description="URL of a mock of Twilio.")
    sendgrid_api_key: SecretStr | None = Field(
        None, description="SendGrid's API key, with the permission to send mail."
    )
    sendgrid_from_email: str | None = Field(None, description="Sender address of emails.")
    sendgrid_webhook_public_key: Annotated[str, AfterValidator(_verification_key)] | None = Field(
        None, description="Verifies SendGrid's signed events; base64."
    )
    sendgrid_unsubscribe_group: int | None = Field(
        None, ge=1, description="SendGrid's unsubscribe group of emails; other groups do not stop them."
    )
    sendgrid_mock_endpoint: str | None = Field(None, description="URL of a mock of SendGrid.")
    sms_per_minute: int = Field(60, ge=1, description="Most short messages in 60 seconds; others wait.")
    sms_per_passenger_day: int = Field(10, ge=1, description="Most short messages to one number in a day.")
    quiet_from: time = Field(time(22), description="Start of the quiet hours, on the passenger's clock.")
    quiet_until: time = Field(time(7), description="End of the quiet hours.")
    worldtracer_call_price: Decimal = Field(Decimal(0), ge=0, description="US dollars for a call, by your contract.")
    sms_part_price: Decimal = Field(Decimal(0), ge=0, description="US dollars for a part of a short message.")
    email_price: Decimal = Field(Decimal(0), ge=0, description="US dollars for an email.")
    daily_budget: Decimal | None = Field(
        None, ge=0, description="US dollars a day for all partners; without it there is no alert."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 # the library's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 # the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 # the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Returns the sources: the environment passed to ``read``, then the files of ``config``."""
        name = init_settings().get("environment", "production")
        files = [CONFIG / "production.yaml", CONFIG / "environments" / f"{name}.yaml"]
        return init_settings, YamlConfigSettingsSource(settings_cls, yaml_file=files)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Reads the settings from an environment and the files of ``config``.

        Raises:
            SettingsError: settings are missing or invalid.
        """
        try:
            return cls(**_known(environment))
        except ValidationError as error:
            errors = [f"{'.'.join(map(str, one['loc'])).upper()}: {_message(one)}" for one in error.errors()]
            raise SettingsError("Settings are missing or invalid:\n  " + "\n  ".join(errors)) from None

    def check_partners(self) -> None:
        """Checks that the settings of all enabled partners are present.

        Raises:
            SettingsError: one is missing.
        """
        missing = []
        for name, (own, mock) in REQUIRED.items():
            flags: ServiceFlags = getattr(self.external_services, name)
            needed = (mock,) if flags.mock else (*own, mock) if flags.fallback else own
            missing += [
                f"{setting.upper()}: set it, or disable {name} in EXTERNAL_SERVICES"
                for setting in needed
                if flags.enabled and getattr(self, setting) is None
            ]
        if missing:
            raise SettingsError("Settings are missing:\n  " + "\n  ".join(missing))

    def check_kafka(self) -> None:
        """Checks that the settings for Kafka are present.

        Raises:
            SettingsError: one is missing.
        """
        needed = ["kafka_bootstrap_servers", "kafka_topic"]
        if self.kafka_security_protocol.startswith("SASL"):
            needed += ["kafka_username", "kafka_password"]
        missing = [setting.upper() for setting in needed if getattr(self, setting) is None]
        if missing:
            raise SettingsError("Settings are missing:\n  " + "\n  ".join(f"{name}: set it" for name in missing))


def plain(secret: SecretStr | None) -> str | None:
    """Returns the text of a secret, None without one."""
    return secret.get_secret_value() if secret else None


def _known(environment: Mapping[str, str]) -> dict[str, Any]:
    names = {name.upper(): name for name in Settings.model_fields}
    return {names[name]: value for name, value in environment.items() if name in names and value}


def _message(error: Any) -> str:
    """Returns the message of a validation error without the value, which may be secret."""
    return "set it" if error["type"] == "missing" else str(error["msg"])
