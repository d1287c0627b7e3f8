"""Settings: the only module that interprets the environment and reads ``config/*.yaml``."""

from collections.abc import Iterable, Mapping
from datetime import time
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

import orjson
import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from sendgrid.helpers.eventwebhook import EventWebhook

from gateway.env_file import VARIABLE as ENV_FILE
from gateway.env_file import read_env_file, with_env_file
from gateway.errors import CommandError
from gateway.safelist import Safelist
from integrations.hosts import hosts_of
from integrations.stores.postgres.address import Address
from integrations.stores.redis.address import RedisAddress

CONFIG = Path(__file__).parents[1] / "config"

Secret = Annotated[SecretStr, Field(min_length=32)]
# Pydantic's types of faults, in the words of those who write settings; with the values of its context.
_WORDINGS = {
    "too_short": "must have at least {min_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "decimal_parsing": "must be a number",
    "bool_parsing": "must be true or false",
}


class SettingsError(CommandError):
    """Settings are missing or invalid; the message lists all of them, one a line.

    Args:
        lines: one fault each, without values.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__("Settings are missing or invalid:\n  " + "\n  ".join(lines))
        self.lines = lines


def _parsed_json(value: Any) -> Any:
    """Parses a string, as in the environment, as JSON."""
    if isinstance(value, str):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise ValueError("must be JSON") from error
    return value


def _address(*schemes: str, several: bool = False) -> AfterValidator:
    """Checks the form of a server's address. The message holds no part of it, since the address may hold a password."""

    def check(value: SecretStr | str) -> SecretStr | str:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not text.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise ValueError(f"must begin with {', '.join(f'{scheme}://' for scheme in schemes)}")
        try:
            _ = hosts_of(text) if several else urlsplit(text).port
        except ValueError:
            raise ValueError(
                "must be scheme://user:password@host:port/path, with the port a number to 65535; "
                "percent-encode /, @, :, # and ? in the password"
            ) from None
        return value

    return AfterValidator(check)


def _postgres_options(value: SecretStr) -> SecretStr:
    try:
        Address.parse(value.get_secret_value())
    except OSError as error:
        raise ValueError(f"sslrootcert cannot be read: {error.strerror}") from None
    return value


def _redis_options(value: SecretStr) -> SecretStr:
    RedisAddress.parse(value.get_secret_value())
    return value


PostgresUrl = Annotated[SecretStr, _address("postgresql", "postgres", several=True), AfterValidator(_postgres_options)]
RedisUrl = Annotated[SecretStr, _address("redis", "rediss", "unix", several=True), AfterValidator(_redis_options)]
Neo4jUri = Annotated[str, _address("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")]


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

    An environment variable takes precedence over the file that ``ENV_FILE`` names, that over
    ``config/environments/NAME.yaml``, and that over ``config/production.yaml``; NAME is the value of ``ENVIRONMENT``.
    Secrets never appear in messages or logs.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False)

    environment: Literal["production", "demo"] = Field(
        "production", description="Which file of `config/environments` applies."
    )
    neon_database_url: PostgresUrl = Field(description="PostgreSQL 16 or later, with the URL as Neon shows it.")
    postgres_direct_url: PostgresUrl | None = Field(
        None, description="Address that bypasses the pooler of `NEON_DATABASE_URL`; not for Neon's pooler."
    )
    postgres_replica_url: PostgresUrl | None = Field(None, description="Read replica for analytics.")
    neo4j_uri: Neo4jUri = Field(description="Neo4j 5.26 or later: `bolt://`, `neo4j://`, `neo4j+s://`.")
    neo4j_user: str = Field("neo4j", description="Neo4j's user.")
    neo4j_password: SecretStr = Field(description="Neo4j's password.")
    redis_url: RedisUrl = Field(description="Redis 6.2 or later, or Valkey; a cluster with `?cluster=true`.")
    jwt_secret: Secret = Field(description="Signs bearer tokens (HS256); at least 32 characters.")
    secret_key: Secret = Field(description="Signs cursors and links; at least 32 characters.")
    anthropic_api_key: SecretStr | None = Field(None, description="Accepted and not used.")
    copa_airline_id: int = Field(1, gt=0, description="The tenant whose rows this installation seeds.")
    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104 # an image serves its network
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    workers: int = Field(1, ge=1, le=64, description="Number of serving processes.")
    worker_port: int | None = Field(
        None, ge=1, le=65535, description="Port of `/health/live` and `/metrics` of project, dispatch and consume."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level that is logged.")
    log_format: Literal["text", "json"] = Field(
        "text", description="Form of the log: `text`, or `json`, one object a line."
    )
    slow_operation_ms: float = Field(
        1_000, gt=0, description="Operations that take longer are logged with their statements, in milliseconds."
    )
    otel_exporter_otlp_endpoint: Annotated[str, AfterValidator(lambda url: url.rstrip("/"))] | None = Field(
        None,
        pattern=r"^https?://[^\s/]+",
        description="Base URL of an OpenTelemetry collector (OTLP over HTTP); none switches tracing off.",
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        None, description="Headers for the collector, `name=value,...`."
    )
    otel_traces_sampler_arg: float = Field(
        0.05, ge=0, le=1, description="Share of traces that begin here and are recorded; others follow their caller."
    )
    graphiql: bool = Field(False, description="Whether `/graphql` shows GraphiQL to a browser.")
    safelist: Safelist = Field(
        Safelist.OFF,
        description="What happens to an operation that its client has not registered: `off` runs it, `log` runs and "
        "logs it, `on` rejects it.",
    )
    request_seconds: float = Field(10.0, gt=0, le=120, description="Longest time for one operation, in seconds.")
    request_concurrency: int = Field(
        64, ge=8, le=10_000, description="Most operations that run at the same time per process."
    )
    request_caller_concurrency: int = Field(
        40, ge=1, le=10_000, description="Most operations of one caller that run at the same time per process."
    )
    drain_notice_seconds: float = Field(
        3.0,
        ge=0,
        le=60,
        description="How long a process accepts requests after SIGTERM while its readiness fails, in seconds.",
    )
    drain_request_seconds: int = Field(
        5, ge=1, le=120, description="Longest time for requests under way to end afterwards, in seconds."
    )
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
        return init_settings, YamlConfigSettingsSource(settings_cls, yaml_file=_files(name))

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Reads the settings from an environment and the files of ``config``.

        Raises:
            SettingsError: settings are missing or invalid.
        """
        try:
            return cls(**_known(with_env_file(environment)))
        except ValidationError as error:
            raise SettingsError(*map(_message, error.errors())) from None
        except yaml.YAMLError as error:
            raise SettingsError(_yaml_fault(error)) from None
        except CommandError as error:
            raise SettingsError(str(error)) from None

    def check_partners(self) -> None:
        """Checks that the settings of all enabled partners are present.

        Raises:
            SettingsError: one is missing.
        """
        present = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if missing := missing_of_partners(self.external_services, present):
            raise SettingsError(*missing)

    def check_kafka(self) -> None:
        """Checks that the settings for Kafka are present.

        Raises:
            SettingsError: one is missing.
        """
        present = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if missing := missing_of_kafka(self.kafka_security_protocol, present):
            raise SettingsError(*missing)


class Layer(NamedTuple):
    """One source of settings.

    Args:
        source: name of the source, for people.
        values: values as they are written, by the name of the setting.
    """

    source: str
    values: Mapping[str, Any]


def layers(environment: Mapping[str, str]) -> list[Layer]:
    """Returns the sources of settings except the defaults of ``Settings``, the one that takes precedence first.

    Raises:
        CommandError: a file cannot be read.
    """
    found = [Layer("environment", _known(environment))]
    if path := environment.get(ENV_FILE):
        found.append(Layer(path, _known(read_env_file(environment))))
    name = next((layer.values["environment"] for layer in found if "environment" in layer.values), "production")
    return [*found, *(Layer(str(file.relative_to(CONFIG.parent)), _yaml(file)) for file in reversed(_files(name)))]


def external_services_of(value: Any) -> ExternalServices:
    """Returns the flags of partners from a value as it is written: YAML, or JSON in a string.

    Raises:
        ValueError: the value is invalid.
    """
    return ExternalServices.model_validate(_parsed_json(value))


def missing_of_partners(flags: ExternalServices, present: set[str]) -> list[str]:
    """Returns a line for each setting that an enabled partner requires and that is not among the present ones."""
    lines = []
    for name, (own, mock) in REQUIRED.items():
        flag: ServiceFlags = getattr(flags, name)
        needed = (mock,) if flag.mock else (*own, mock) if flag.fallback else own
        lines += [
            f"{setting.upper()}: set it, or disable {name} in EXTERNAL_SERVICES"
            for setting in needed
            if flag.enabled and setting not in present
        ]
    return lines


def missing_of_kafka(protocol: str, present: set[str]) -> list[str]:
    """Returns a line for each setting that Kafka requires with this protocol and that is not among the present ones."""
    needed = ["kafka_bootstrap_servers", "kafka_topic"]
    if protocol.startswith("SASL"):
        needed += ["kafka_username", "kafka_password"]
    return [f"{setting.upper()}: set it" for setting in needed if setting not in present]


def hint(name: str, known: Iterable[str]) -> str:
    """Returns the question whether the most similar of the known names is meant; empty where none is similar."""
    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else ""


def plain(secret: SecretStr | None) -> str | None:
    """Returns the text of a secret, None without one."""
    return secret.get_secret_value() if secret else None


def _known(environment: Mapping[str, str]) -> dict[str, Any]:
    names = {name.upper(): name for name in Settings.model_fields}
    return {names[name]: value for name, value in environment.items() if name in names and value}


def _files(name: str) -> list[Path]:
    """Returns the files of ``config`` for an environment, the one that takes precedence last."""
    return [CONFIG / "production.yaml", CONFIG / "environments" / f"{name}.yaml"]


def _yaml(path: Path) -> Mapping[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    except yaml.YAMLError as error:
        raise SettingsError(_yaml_fault(error)) from None
    if not isinstance(values, dict | None):
        raise SettingsError(f"{path.relative_to(CONFIG.parent)}: must be settings, one a line, such as port: 8000")
    return values or {}


def _yaml_fault(error: yaml.YAMLError) -> str:
    return f"a file of config is not valid YAML: {' '.join(str(error).split())}"


def _message(error: Any) -> str:
    """Returns a line for a fault, without the value, which may be secret."""
    path = [str(part) for part in error["loc"]]
    name = ".".join([path[0].upper(), *path[1:]])
    if error["type"] == "missing":
        return f"{name}: set it"
    if error["type"] == "extra_forbidden":
        known = ExternalServices.model_fields if len(path) == 2 else ServiceFlags.model_fields
        return f"{name}: is not known{hint(path[-1], known)}"
    wording = _WORDINGS.get(error["type"])
    fault = wording.format(**error.get("ctx", {})) if wording else error["msg"].removeprefix("Value error, ")
    return f"{name}: {fault}"
