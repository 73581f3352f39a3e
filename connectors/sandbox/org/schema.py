"""Which objects and fields does the org have? Those of the deployable package, and the standard ones it leans on."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

PACKAGE: Final = Path(__file__).parents[2] / "salesforce" / "metadata"
_NS: Final = {"m": "http://soap.sforce.com/2006/04/metadata"}
_KINDS: Final = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Currency": "currency",
    "Number": "double",
    "Percent": "percent",
    "Date": "date",
    "DateTime": "datetime",
    "Picklist": "picklist",
    "Checkbox": "boolean",
    "Lookup": "reference",
    "MasterDetail": "reference",
}
_TEXT_AREA_LENGTH: Final = 255
_NAME_LENGTH: Final = 80
_FROZEN: Final = re.compile(r"AND\(NOT\(ISNEW\(\)\), OR\(((?:ISCHANGED\(\w+\)(?:, )?)+)\)\)")
_NEGATIVE: Final = re.compile(r"(\w+) < 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field; kind is the type that describe tells. writable: "always", "insert" (not afterwards) or "never"."""

    name: str
    kind: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    required: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    choices: tuple[str, ...] = ()
    target: str = ""  # object that a reference points to; "" for any
    relationship: str = ""
    writable: str = "always"
    master: bool = False

    @property
    def filterable(self) -> bool:
        return not (self.kind == "textarea" and self.length > _TEXT_AREA_LENGTH) and self.kind != "base64"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRule:
    """Refuses a record whose frozen fields change after its creation, or whose negative field is below zero."""

    message: str
    frozen: tuple[str, ...] = ()
    negative: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType:
    name: str
    label: str
    prefix: str
    fields: Mapping[str, Field]
    rules: tuple[ValidationRule, ...] = ()

    @property
    def master(self) -> Field | None:
        return next((field for field in self.fields.values() if field.master), None)

    def by_relationship(self, name: str) -> Field | None:
        """Return the reference field behind a relationship name such as Plan__r."""
        return next((field for field in self.fields.values() if field.relationship == name), None)


class Model(StrEnum):
    """Which of its two sets of objects Financial Services Cloud has here; the value is the package's folder for it."""

    MANAGED_PACKAGE = "force-app-finserv"
    STANDARD_OBJECTS = "force-app-standard"


def load_schema(model: Model = Model.MANAGED_PACKAGE) -> Mapping[str, ObjectType]:
    """Return every object of the org by name. Raises ValueError for a validation rule the stand-in cannot judge."""
    schema = dict(_standard_objects(_finserv if model is Model.MANAGED_PACKAGE else _standard))
    homes = [PACKAGE / folder / "main/default/objects" for folder in ("force-app", model.value)]
    for number, name in enumerate(sorted({path.name for home in homes for path in home.iterdir()})):
        folders = [home / name for home in homes if (home / name).is_dir()]
        fields = [_custom_field(path) for folder in folders for path in sorted(folder.glob("fields/*"))]
        if name in schema:
            known = schema[name]
            schema[name] = replace(known, fields={**known.fields, **{field.name: field for field in fields}})
            continue
        rules = [_rule(path) for folder in folders for path in sorted(folder.glob("validationRules/*"))]
        label = text(parse(next(folders[0].glob("*.object-meta.xml"))), "label")
        schema[name] = _object(name, label, f"a0{number}", fields, tuple(rules))
    return schema


def parse(path: Path) -> ElementTree.Element:
    """Return the root of a metadata file."""
    return ElementTree.parse(path).getroot()  # noqa: S314  our own package, not a stranger's


def text(element: ElementTree.Element, path: str) -> str:
    """Return the text at a path of tags below an element of the Metadata API, "" where there is none."""
    return element.findtext("/".join(f"m:{tag}" for tag in path.split("/")), "", _NS)


def texts(element: ElementTree.Element, path: str) -> tuple[str, ...]:
    """Return every text at a path of tags."""
    return tuple(found.text or "" for found in element.findall("/".join(f"m:{tag}" for tag in path.split("/")), _NS))


def _custom_field(path: Path) -> Field:
    root = parse(path)
    name, kind, master = text(root, "fullName"), text(root, "type"), text(root, "type") == "MasterDetail"
    reference = kind in ("Lookup", "MasterDetail")
    return Field(
        name=name,
        kind=_KINDS[kind],
        length=int(text(root, "length") or (_TEXT_AREA_LENGTH if kind == "TextArea" else 0)),
        precision=int(text(root, "precision") or 0),
        scale=int(text(root, "scale") or 0),
        required=master or text(root, "required") == "true",
        external_id=text(root, "externalId") == "true",
        unique=text(root, "unique") == "true",
        case_sensitive=text(root, "caseSensitive") == "true",
        choices=texts(root, "valueSet/valueSetDefinition/value/fullName"),
        target=text(root, "referenceTo"),
        relationship=name.removesuffix("__c") + "__r" if reference else "",
        writable="insert" if master and text(root, "reparentableMasterDetail") != "true" else "always",
        master=master,
    )


def _rule(path: Path) -> ValidationRule:
    root = parse(path)
    formula, message = text(root, "errorConditionFormula"), text(root, "errorMessage")
    if found := _FROZEN.fullmatch(formula):
        return ValidationRule(message=message, frozen=tuple(re.findall(r"ISCHANGED\((\w+)\)", found[1])))
    if found := _NEGATIVE.fullmatch(formula):
        return ValidationRule(message=message, negative=found[1])
    raise ValueError(f"{path.name}: the stand-in judges frozen fields and FIELD < 0 only, found {formula}")


def _object(
    name: str, label: str, prefix: str, fields: list[Field], rules: tuple[ValidationRule, ...] = ()
) -> ObjectType:
    every = [
        Field(name="Id", kind="id", writable="never"),
        *fields,
        Field(name="CreatedDate", kind="datetime", writable="never"),
        _reference("CreatedById", "User", "never"),
        Field(name="LastModifiedDate", kind="datetime", writable="never"),
        _reference("LastModifiedById", "User", "never"),
    ]
    if name.endswith("__c"):
        every.append(Field(name="Name", kind="string", length=_NAME_LENGTH))
        if not any(field.master for field in fields):
            every.append(_reference("OwnerId", ""))
    return ObjectType(name=name, label=label, prefix=prefix, fields={field.name: field for field in every}, rules=rules)


def _standard_objects(model: Callable[[], Iterator[Any]]) -> Mapping[str, ObjectType]:
    return {name: _object(name, label, prefix, list(fields)) for name, label, prefix, *fields in (*_common(), *model())}


def _finserv() -> Iterator[Any]:
    yield (
        "FinServ__FinancialAccount__c",
        "Financial Account",
        "a0f",
        _text("FinServ__SourceSystemId__c", external_id=True),
        _text("FinServ__FinancialAccountNumber__c"),
        Field(
            name="FinServ__Household__c",
            kind="reference",
            target="Account",
            relationship="FinServ__Household__r",
        ),
    )


def _standard() -> Iterator[Any]:
    yield "FinancialAccount", "Financial Account", "0zz", _text("Name", required=True), _text("FinancialAccountNumber")
    yield (
        "FinancialAccountParty",
        "Financial Account Party",
        "0zy",
        Field(name="FinancialAccountId", kind="reference", target="FinancialAccount", required=True),
        Field(name="AccountId", kind="reference", target="Account"),
        Field(name="Role", kind="picklist", choices=("Owner", "Beneficiary", "Trustee")),
    )


def _common() -> Iterator[Any]:
    """Only the fields that a plan's review touches; user, queue and approval rows are made by the org itself."""
    yield "Account", "Account", "001", _text("Name", required=True)
    yield (
        "Task",
        "Task",
        "00T",
        _reference("WhatId", ""),
        _text("Subject"),
        Field(name="Status", kind="picklist", choices=("Not Started", "In Progress", "Completed")),
        Field(name="Description", kind="textarea", length=32_000),
        Field(name="ActivityDate", kind="date"),
    )
    yield (
        "ContentVersion",
        "Content Version",
        "068",
        _text("Title", required=True),
        _text("PathOnClient", required=True),
        Field(name="VersionData", kind="base64", required=True),
        _reference("FirstPublishLocationId", "", "insert"),
    )
    yield "User", "User", "005", _text("Username", writable="never"), _text("Name", writable="never")
    yield "Group", "Group", "00G", _text("DeveloperName", writable="never"), _text("Name", writable="never")
    yield (
        "ProcessInstance",
        "Process Instance",
        "04g",
        _reference("TargetObjectId", "", "never"),
        _text("Status", writable="never"),
        Field(name="CompletedDate", kind="datetime", writable="never"),
    )
    for name, prefix in (("ProcessInstanceStep", "04h"), ("ProcessInstanceWorkitem", "04i")):
        yield (
            name,
            name,
            prefix,
            _reference("ProcessInstanceId", "ProcessInstance", "never"),
            _reference("ActorId", "User", "never"),
            _text("StepStatus", writable="never"),
            Field(name="Comments", kind="textarea", length=4_000, writable="never"),
        )


def _text(name: str, *, required: bool = False, external_id: bool = False, writable: str = "always") -> Field:
    return Field(
        name=name,
        kind="string",
        length=_TEXT_AREA_LENGTH,
        required=required,
        external_id=external_id,
        writable=writable,
    )


def _reference(name: str, target: str, writable: str = "always") -> Field:
    return Field(name=name, kind="reference", target=target, relationship=name.removesuffix("Id"), writable=writable)
