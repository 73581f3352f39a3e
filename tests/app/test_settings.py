"""The environment is read once and nothing in it is ignored."""

from pathlib import Path

import pytest

from app.settings import read_settings
from engine.domain.errors import DataError


def test_without_variables_everything_lies_in_the_users_own_folder():
    settings = read_settings({"XDG_DATA_HOME": "/somewhere"})

    assert settings.database_url == "sqlite:////somewhere/lotsmith/lotsmith.db"
    assert settings.exports == Path("/somewhere/lotsmith/exports")
    assert settings.connections == {}


def test_a_misspelt_variable_is_refused_with_a_suggestion():
    with pytest.raises(DataError, match=r"unknown variable LOTSMITH_BD; did you mean LOTSMITH_DB\?"):
        read_settings({"LOTSMITH_BD": "x"})


def test_connections_come_from_a_file_and_an_unknown_section_is_refused(tmp_path):
    file = tmp_path / "lotsmith.toml"
    file.write_text('[salesforce]\ndomain = "acme.my"\n')
    assert read_settings({"LOTSMITH_CONFIG": str(file)}).connections == {"salesforce": {"domain": "acme.my"}}

    file.write_text("[sailsforce]\n")
    with pytest.raises(DataError, match=r"unknown section \[sailsforce\]"):
        read_settings({"LOTSMITH_CONFIG": str(file)})


def test_a_connection_file_lies_beside_the_file_that_names_it(tmp_path):
    file = tmp_path / "lotsmith.toml"
    file.write_text('[salesforce]\nconfig = "org/connection.json"\n[fix]\nsender = "US"\n')

    connections = read_settings({"LOTSMITH_CONFIG": str(file)}).connections

    assert connections == {"salesforce": {"config": str(tmp_path / "org" / "connection.json")}, "fix": {"sender": "US"}}


def test_a_section_that_is_a_mere_value_is_refused(tmp_path):
    file = tmp_path / "lotsmith.toml"
    file.write_text('salesforce = "connection.json"\n')

    with pytest.raises(DataError, match=r"expected sections such as \[salesforce\], found a value"):
        read_settings({"LOTSMITH_CONFIG": str(file)})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"expected a readable TOML file at .*gone\.toml"):
        read_settings({"LOTSMITH_CONFIG": str(tmp_path / "gone.toml")})
