"""A connection that cannot work is refused before anything is sent."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from connectors.salesforce.config import MANAGED_PACKAGE, STANDARD_OBJECTS, SalesforceConfig, read_config
from engine.domain.errors import DataError


def test_half_a_credential_is_refused():
    with pytest.raises(DataError, match="found none of them complete"):
        SalesforceConfig(consumer_key="key", username="u@example.com")


def test_client_credentials_need_the_firms_own_domain():
    with pytest.raises(DataError, match="need the My Domain as domain, found login"):
        SalesforceConfig(consumer_key="key", client_secret="secret")


def test_a_broken_key_is_refused():
    with pytest.raises(DataError, match="private_key is not an unencrypted PEM private key"):
        SalesforceConfig(consumer_key="key", username="u@example.com", private_key_pem="-----BEGIN-----")


def test_an_address_without_tls_is_refused():
    with pytest.raises(DataError, match="must start with https://, found http:"):
        SalesforceConfig(access_token="token", instance="acme.my.salesforce.com", address="http://127.0.0.1:1")


def test_only_the_signed_flow_can_act_for_others():
    config = SalesforceConfig(access_token="token", instance="acme.my.salesforce.com")

    with pytest.raises(DataError, match="needs the JWT bearer flow"):
        config.acting_as("ada@example.com")


def test_secrets_do_not_show():
    config = SalesforceConfig(access_token="t0ken", instance="acme.my.salesforce.com")

    assert "t0ken" not in repr(config)


def test_a_file_names_keys_relative_to_itself(keys: Path, server):
    config = read_config(keys / "connection.json")

    assert (config.address, config.ca_file) == (server.address, str(keys / "ca.pem"))
    assert config.signs_with_key


def test_the_firms_own_object_names_are_read(tmp_path: Path):
    path = tmp_path / "salesforce.json"
    values = {"access_token": "t", "instance": "i", "financial_accounts": {"object": "FinancialAccount"}}
    path.write_text(json.dumps(values))

    names = read_config(path).financial_accounts

    assert names is not None
    assert (names.object, names.link) == ("FinancialAccount", "Financial_Account__c")


def test_every_key_of_a_connection_is_in_the_documentation():
    text = (Path(__file__).parents[3] / "docs/salesforce.md").read_text()
    documented = {*re.findall(r"`(\w+)`", text)}
    elsewhere = {"private_key_pem", "access_token", "instance"}  # a file says private_key_file; tokens are for tests

    assert {f.name for f in fields(SalesforceConfig)} - elsewhere <= documented


@pytest.mark.parametrize(
    ("given", "names"),
    [("managed_package", MANAGED_PACKAGE), ("standard_objects", STANDARD_OBJECTS), (None, None)],
)
def test_a_model_of_financial_services_cloud_is_chosen_by_name(tmp_path: Path, given, names):
    path = tmp_path / "salesforce.json"
    path.write_text(json.dumps({"access_token": "t", "instance": "i", "financial_accounts": given}))

    assert read_config(path).financial_accounts == names


def test_a_short_secret_for_calls_from_outside_is_refused():
    with pytest.raises(DataError, match="webhook_secret must have 32 characters or more"):
        SalesforceConfig(access_token="t", instance="i", webhook_secret="guess me")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"access_token": "t", "instance": "i", "financial_accounts": "fsc"}', "expected managed_package or standard"),
        ('{"access_token": "t", "instance": "i", "financial_accounts": {"party": {"rol": "R"}}}', "unknown key rol"),
        ("[]", "expected a JSON object"),
        ("{", "expected a JSON object"),
        ('{"acces_token": "t"}', "unknown key acces_token; expected some of domain"),
        ('{"private_key_file": "gone.pem"}', "gone.pem"),
    ],
)
def test_an_unreadable_file_is_refused_by_name(tmp_path: Path, text: str, message: str):
    path = tmp_path / "salesforce.json"
    path.write_text(text)

    with pytest.raises(DataError, match=message) as caught:
        read_config(path)

    assert str(path) in str(caught.value)
