"""Bulk is stored once, under its own hash, and what was touched is not read."""

import hashlib

import pytest
from sqlalchemy import func, select, update

from data import documents, tables
from data.documents import Document
from engine.domain.errors import CheckFailed


def number(database) -> int:
    with database.read() as connection:
        return connection.scalars(select(func.count()).select_from(tables.documents)).one()


def test_a_document_is_named_by_the_sha256_of_its_content():
    assert Document(kind="x", content=b"abc").hash == hashlib.sha256(b"abc").hexdigest()


def test_documents_are_stored_once_with_all_their_parts(database):
    part = Document(kind="part", content=b"shared")
    wholes = [Document(kind="whole", content=name, parts=(part,)) for name in (b"one", b"two")]

    for _ in range(2):
        with database.begin() as connection:
            documents.put(connection, wholes)

    assert number(database) == 3
    with database.read() as connection:
        assert documents.get(connection, [part.hash, wholes[1].hash]) == {part.hash: b"shared", wholes[1].hash: b"two"}


def test_more_documents_than_fit_in_one_query_are_all_found(database):
    many = [Document(kind="n", content=str(n).encode()) for n in range(1201)]

    with database.begin() as connection:
        documents.put(connection, many)
        found = documents.get(connection, [document.hash for document in many])

    assert found == {document.hash: document.content for document in many}


def test_an_empty_document_survives(database):
    nothing = Document(kind="x", content=b"")

    with database.begin() as connection:
        documents.put(connection, [nothing])

        assert documents.get(connection, [nothing.hash]) == {nothing.hash: b""}


def test_a_document_that_is_not_there_is_named(database):
    with database.read() as connection, pytest.raises(CheckFailed, match="document abc: expected it in the database"):
        documents.get(connection, ["abc"])


def test_a_document_exchanged_for_another_is_not_read(database):
    right, wrong = Document(kind="x", content=b"right"), Document(kind="x", content=b"wrong")
    column = tables.documents.c.hash
    with database.begin() as connection:
        documents.put(connection, [right, wrong])
        body = connection.scalars(select(tables.documents.c.body).where(column == wrong.hash)).one()
        connection.execute(update(tables.documents).where(column == right.hash).values(body=body))

    with database.read() as connection, pytest.raises(CheckFailed, match=f"{right.hash}.*found {wrong.hash}"):
        documents.get(connection, [right.hash])


def test_a_document_cut_short_is_not_read(database):
    document = Document(kind="x", content=b"some words " * 50)
    with database.begin() as connection:
        documents.put(connection, [document])
        body = connection.scalars(select(tables.documents.c.body)).one()
        connection.execute(update(tables.documents).values(body=body[:-3]))

    with database.read() as connection, pytest.raises(CheckFailed, match="cannot be read"):
        documents.get(connection, [document.hash])
