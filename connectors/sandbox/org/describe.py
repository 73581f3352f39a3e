"""How does an object describe itself to a client?"""

from typing import Any, Final

from connectors.sandbox.org.schema import Field, ObjectType

_SOAP: Final = {
    "currency": "xsd:double",
    "double": "xsd:double",
    "percent": "xsd:double",
    "boolean": "xsd:boolean",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "id": "tns:ID",
    "reference": "tns:ID",
    "base64": "xsd:base64Binary",
}


def description(kind: ObjectType) -> dict[str, Any]:
    """Return the describe document of an object."""
    return {
        "name": kind.name,
        "label": kind.label,
        "keyPrefix": kind.prefix,
        "custom": kind.name.endswith("__c"),
        "createable": True,
        "updateable": True,
        "queryable": True,
        "fields": [_field(field) for field in kind.fields.values()],
    }


def _field(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "type": field.kind,
        "soapType": _SOAP.get(field.kind, "xsd:string"),
        "length": field.length,
        "precision": field.precision,
        "scale": field.scale,
        "nillable": not field.required,
        "externalId": field.external_id,
        "idLookup": field.external_id or field.kind == "id",
        "unique": field.unique,
        "caseSensitive": field.case_sensitive,
        "createable": field.writable != "never",
        "updateable": field.writable == "always",
        "filterable": field.filterable,
        "custom": field.name.endswith("__c"),
        "referenceTo": [field.target] if field.target else [],
        "relationshipName": field.relationship or None,
        "picklistValues": [
            {"value": choice, "label": choice, "active": True, "defaultValue": False} for choice in field.choices
        ],
    }
