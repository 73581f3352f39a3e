"""What does the org hold, and which changes does it refuse?"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from connectors.sandbox.org.faults import Faults, Kind
from connectors.sandbox.org.refused import Refused
from connectors.sandbox.org.schema import Field, ObjectType
from connectors.sandbox.org.values import LONG_ID, SHORT_ID, folded, long_id, stored_value

Row = Mapping[str, Any]
_COMPANIONS: Final = (  # rows that go when the row goes that they are about
    ("Task", "WhatId"),
    ("ProcessInstance", "TargetObjectId"),
    ("ProcessInstanceStep", "ProcessInstanceId"),
    ("ProcessInstanceWorkitem", "ProcessInstanceId"),
)
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Records:
    """Every row of the org. Rows are replaced and never changed, so that a savepoint is cheap."""

    def __init__(self, schema: Mapping[str, ObjectType], faults: Faults) -> None:
        self.schema = schema
        self._faults = faults
        self._tables: dict[str, dict[str, Row]] = {name: {} for name in schema}
        self._keys: dict[tuple[str, str], dict[str, str]] = {}  # (object, unique field) -> value -> id
        self._issued = 0
        self._deleted: set[str] = set()
        self.locked: dict[str, frozenset[str]] = {}  # record id -> users who may write it in spite of the lock

    def savepoint(self) -> Any:
        """Return what restore needs to come back to this moment."""
        tables = {name: dict(rows) for name, rows in self._tables.items()}
        keys = {key: dict(values) for key, values in self._keys.items()}
        return tables, keys, dict(self.locked), set(self._deleted)

    def restore(self, savepoint: Any) -> None:
        """Undo everything since the savepoint; ids given out in between stay used."""
        self._tables, self._keys, self.locked, self._deleted = savepoint

    def dump(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "tables": self._tables,
            "issued": self._issued,
            "deleted": sorted(self._deleted),
            "locked": {k: sorted(v) for k, v in self.locked.items()},
        }

    def load(self, dumped: Mapping[str, Any]) -> None:
        """Take back what dump returned."""
        self._tables = {name: dict(dumped["tables"].get(name, {})) for name in self.schema}
        self._issued = dumped["issued"]
        self._deleted = set(dumped["deleted"])
        self.locked = {record_id: frozenset(users) for record_id, users in dumped["locked"].items()}
        self._keys = {}
        for name, rows in self._tables.items():
            for record_id, row in rows.items():
                self._index(self.schema[name], record_id, row)

    def rows(self, name: str) -> Iterator[Row]:
        """Yield every row of an object, oldest first."""
        yield from self._tables[name].values()

    def object(self, name: str) -> ObjectType:
        """Return an object's definition. Raises Refused NOT_FOUND."""
        if name not in self.schema:
            raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)
        return self.schema[name]

    def get(self, name: str, record_id: str) -> Row:
        """Return one row. Raises Refused NOT_FOUND, or ENTITY_IS_DELETED where it was there once."""
        row = self._tables[self.object(name).name].get(long_id(record_id))
        if long_id(record_id) in self._deleted:
            raise Refused("ENTITY_IS_DELETED", "entity is deleted", status=404)
        if row is None:
            raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)
        return row

    def find(self, name: str, key: str, value: str) -> str | None:
        """Return the id of the row whose external id has this value. Raises Refused for a field that is none."""
        field = self.object(name).fields.get(key)
        if field is None or not field.external_id:
            raise Refused("NOT_FOUND", "Provided external ID field does not exist or is not accessible", status=404)
        if field.unique:
            return self._keys.get((name, key), {}).get(folded(field, value))
        return next((row["Id"] for row in self.rows(name) if row.get(key) == value), None)

    def put(self, name: str, values: Row, *, user: str, record_id: str | None = None) -> str:
        """Insert a row, or update the one with record_id, as this user, and return its id. Raises Refused."""
        kind = self.object(name)
        old = self.get(name, record_id) if record_id else None
        if self._faults.strikes(Kind.LOCK, name):
            raise Refused("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
        if self._faults.strikes(Kind.ENTITY_LOCKED, name):
            raise Refused("ENTITY_IS_LOCKED", "the entity is locked for editing")
        clean = self._clean(kind, values, inserting=old is None)
        new = {**(old or dict.fromkeys(kind.fields)), **clean}
        self._check_required(kind, new)
        for master in {row.get(kind.master.name) for row in (old or {}, new)} if kind.master else ():
            self._check_lock(master, user)
        if old is not None:
            self._check_lock(old["Id"], user)
        _check_rules(kind, old, new)
        return self.write(name, new, user=user)

    def write(self, name: str, row: Row, *, user: str) -> str:
        """Store a row without questions, as the org itself does; unique values are still kept unique."""
        kind, now = self.schema[name], _now()
        old = self._tables[name].get(row.get("Id") or "")
        record_id = old["Id"] if old else self._new_id(kind)
        stamps = {"Id": record_id, "LastModifiedDate": now, "LastModifiedById": user}
        if old is None:
            stamps |= {"CreatedDate": now, "CreatedById": user}
            if "OwnerId" in kind.fields and not row.get("OwnerId"):
                stamps["OwnerId"] = user
        complete = {**dict.fromkeys(kind.fields), **row, **stamps}
        self._check_unique(kind, record_id, complete)
        self._unindex(kind, old)
        self._index(kind, record_id, complete)
        self._tables[name][record_id] = complete
        return record_id

    def delete(self, name: str, record_id: str, *, user: str) -> None:
        """Delete a row, the rows it is master of, its tasks and its approvals. Raises Refused."""
        row = self.get(name, record_id)
        self._check_lock(row["Id"], user)
        for child in self.schema.values():
            if child.master and child.master.target == name:
                for detail in [r for r in self.rows(child.name) if r[child.master.name] == row["Id"]]:
                    self.delete(child.name, detail["Id"], user=user)
        for companion, field in _COMPANIONS:
            for other in [r for r in self.rows(companion) if r[field] == row["Id"]]:
                self.delete(companion, other["Id"], user=user)
        self.remove(name, row["Id"])
        self._deleted.add(row["Id"])
        self.locked.pop(row["Id"], None)

    def remove(self, name: str, record_id: str) -> None:
        """Take out one row without questions, as the org itself does."""
        self._unindex(self.schema[name], self._tables[name].pop(record_id))

    def type_of(self, record_id: str) -> str:
        """Return the object that an existing record belongs to. Raises Refused."""
        wanted = long_id(record_id)
        for name, rows in self._tables.items():
            if wanted in rows:
                return name
        raise Refused("INVALID_CROSS_REFERENCE_KEY", f"invalid cross reference id: {record_id}")

    def _clean(self, kind: ObjectType, values: Row, *, inserting: bool) -> dict[str, Any]:
        clean: dict[str, Any] = {}
        for name, value in values.items():
            if name == "attributes":
                continue
            if isinstance(value, Mapping):
                field, value = self._resolved(kind, name, value)
            else:
                field = kind.fields.get(name) or _no_field(kind, name)
            if field.writable == "never" or (field.writable == "insert" and not inserting):
                raise Refused(
                    "INVALID_FIELD_FOR_INSERT_UPDATE",
                    f"Unable to create/update fields: {name}. Please check the security settings of this field and "
                    "verify that it is read/write for your profile or permission set.",
                    (name,),
                )
            clean[field.name] = None if value in (None, "") else self._stored(field, value)
        return clean

    def _stored(self, field: Field, value: Any) -> Any:
        if field.kind == "reference" and isinstance(value, str):
            return self._target(field, value)
        return stored_value(field, value)

    def _resolved(self, kind: ObjectType, name: str, value: Row) -> tuple[Field, str]:
        field = kind.by_relationship(name) or _no_field(kind, name)
        [(key, key_value)] = [(k, v) for k, v in value.items() if k != "attributes"]
        found = self.find(field.target, key, key_value)
        if found is None:
            raise Refused(
                "INVALID_FIELD",
                f"Foreign key external ID: {key_value} not found for field {key} in entity {field.target}",
            )
        return field, found

    def _target(self, field: Field, value: str) -> str:
        if len(value) not in (SHORT_ID, LONG_ID):
            raise Refused("MALFORMED_ID", f"{field.name}: id value of incorrect type: {value}", (field.name,))
        if field.target not in ("", self.type_of(value)):
            raise Refused(
                "FIELD_INTEGRITY_EXCEPTION", f"{field.name}: id value of incorrect type: {value}", (field.name,)
            )
        return long_id(value)

    def _check_required(self, kind: ObjectType, row: Row) -> None:
        missing = tuple(field.name for field in kind.fields.values() if field.required and row.get(field.name) is None)
        if missing:
            raise Refused("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)

    def _check_unique(self, kind: ObjectType, record_id: str, row: Row) -> None:
        for field in kind.fields.values():
            value = row.get(field.name)
            if field.unique and value is not None:
                holder = self._keys.get((kind.name, field.name), {}).get(folded(field, value), record_id)
                if holder != record_id:
                    raise Refused(
                        "DUPLICATE_VALUE",
                        f"duplicate value found: {field.name} duplicates value on record with id: {holder}",
                    )

    def _check_lock(self, record_id: str | None, user: str) -> None:
        if record_id in self.locked and user not in self.locked[record_id]:
            raise Refused(
                "ENTITY_IS_LOCKED",
                "the entity is locked for editing: the record is in an approval process, and you are neither an "
                "administrator of it nor its current approver",
            )

    def _index(self, kind: ObjectType, record_id: str, row: Row) -> None:
        for field in kind.fields.values():
            if field.unique and row.get(field.name) is not None:
                self._keys.setdefault((kind.name, field.name), {})[folded(field, row[field.name])] = record_id

    def _unindex(self, kind: ObjectType, row: Row | None) -> None:
        for field in kind.fields.values():
            if row and field.unique and row.get(field.name) is not None:
                self._keys.get((kind.name, field.name), {}).pop(folded(field, row[field.name]), None)

    def _new_id(self, kind: ObjectType) -> str:
        self._issued += 1
        number, digits = self._issued, ""
        while number:
            number, digit = divmod(number, 62)
            digits = _BASE62[digit] + digits
        return long_id(kind.prefix + digits.rjust(SHORT_ID - len(kind.prefix), "0"))


def _check_rules(kind: ObjectType, old: Row | None, new: Row) -> None:
    for rule in kind.rules:
        changed = old is not None and any(old[name] != new[name] for name in rule.frozen)
        negative = rule.negative and (new[rule.negative] or 0) < 0
        if changed or negative:
            raise Refused("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message)


def _no_field(kind: ObjectType, name: str) -> Field:
    raise Refused("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind.name}")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
