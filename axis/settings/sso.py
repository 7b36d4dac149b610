"""The section of the city's single sign-on."""

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from axis.settings.marks import secret_or
from axis.settings.sections import Section, secret_of
from axis.terms import Role

SSO_VARIABLE = "AXIS_SECRET_SSO"  # the variable that holds it


class Sso(Section):
    """The city's single sign-on, by OpenID Connect."""

    issuer: str = Field(
        "",
        pattern=r"^((https://|http://(localhost|127\.0\.0\.1)([:/]|$)).*)?$",
        description="Address of the provider, as its own documents name it. Empty: accounts log in by password only.",
    )
    client_id: str = Field("", description="Who this node is there. Given with issuer.")
    client_secret_file: Path | None = Field(
        None,
        description="File that holds our secret there. Else the environment: AXIS_SECRET_SSO.",
        json_schema_extra=secret_or(SSO_VARIABLE),
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://.*)?$",
        description="This node's address as browsers reach it; the provider sends them back to it. Given with issuer.",
    )
    name: str = Field("", description="What the button says; left out: a word of ours.")
    scopes: tuple[str, ...] = Field(("openid", "profile", "email"), description="What is asked for there.")
    create_accounts: bool = Field(
        default=False,
        description=(
            "Who is known there and has no account here gets one, with the roles that role_map makes of roles_claim; "
            "with no role there is none. Else an administrator links accounts (axis account link)."
        ),
    )
    username_claim: str = Field("preferred_username", description="Of a new account: the claim with its username.")
    name_claim: str = Field("name", description="Of a new account: the claim with the person's name.")
    roles_claim: str = Field("roles", description="Of a new account: the claim with a list of words.")
    role_map: tuple[str, ...] = Field((), description="What those words mean here: WORD=ROLE.")
    organs_claim: str = Field("", description="Of a new account: the claim with organisations' codes; empty: none.")
    private_addresses: bool = Field(default=False, description="Whether the provider may be in a private network.")
    timeout_s: float = Field(10.0, gt=0, le=50, description="Longest wait for one answer of the provider.")

    @field_validator("role_map")
    @classmethod
    def _roles(cls, pairs: tuple[str, ...]) -> tuple[str, ...]:
        for pair in pairs:
            if pair.rpartition("=")[2] not in frozenset(Role) or not pair.rpartition("=")[0]:
                msg = f"{pair} is not WORD=ROLE, with one of {', '.join(Role)}"
                raise ValueError(msg)
        return pairs

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.issuer and not (self.client_id and self.public_url):
            msg = "client_id and public_url must be given with issuer"
            raise ValueError(msg)
        return self

    def read_secret(self) -> str:
        """Our secret at the provider. Raises Malformed(BAD_SETTINGS) when there is none."""
        return secret_of(SSO_VARIABLE, self.client_secret_file, "sso.client_secret_file")
