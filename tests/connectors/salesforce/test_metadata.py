"""The package can be deployed: it obeys the Metadata API's schema, agrees with the code and lists all its parts."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
from lxml import etree

from connectors.salesforce import mapping, webhook
from engine.domain.lifecycle import PlanState

PACKAGE = Path(mapping.__file__).parent / "metadata"
META = "http://soap.sforce.com/2006/04/metadata"
XSD = "{http://www.w3.org/2001/XMLSchema}"
SOURCES = sorted([*PACKAGE.rglob("*-meta.xml"), *PACKAGE.glob("manifest/*.xml")])
CORE = PACKAGE / "force-app/main/default"


@pytest.fixture(scope="session")
def schema() -> etree.XMLSchema:
    """The schema that simple-salesforce ships, with an element for each kind of file, as files (not messages) have."""
    wsdl = etree.parse(str(files("simple_salesforce") / "metadata.wsdl"))
    body = next(s for s in wsdl.iter(f"{XSD}schema") if s.get("targetNamespace") == META)
    found = etree.fromstring(etree.tostring(body))
    declared = {element.get("name") for element in found.findall(f"{XSD}element")}
    for name in {etree.parse(str(path)).getroot().tag.removeprefix(f"{{{META}}}") for path in SOURCES} - declared:
        etree.SubElement(found, f"{XSD}element", name=name, type=f"tns:{name}", nsmap={"tns": META})
    return etree.XMLSchema(found)


def tag(root: etree._Element, path: str) -> list[str]:
    return [found.text for found in root.findall("/".join(f"{{{META}}}{step}" for step in path.split("/")))]


def read(path: Path) -> etree._Element:
    return etree.parse(str(path)).getroot()


def fields(name: str) -> dict[str, etree._Element]:
    found = [read(path) for path in PACKAGE.glob(f"force-app*/main/default/objects/{name}/fields/*")]
    return {tag(root, "fullName")[0]: root for root in found}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_file_obeys_the_metadata_schema(schema, path):
    schema.assertValid(etree.parse(str(path)))


def test_the_schema_check_sees_a_mistake(schema):
    root = read(CORE / "objects/Rebalance_Plan__c/fields/Status__c.field-meta.xml")
    etree.SubElement(root, f"{{{META}}}lenght").text = "5"

    assert not schema.validate(root)


@pytest.mark.parametrize(("name", "used"), [(mapping.PLAN, mapping.PLAN_FIELDS), (mapping.TRADE, mapping.TRADE_FIELDS)])
def test_code_and_package_name_the_same_fields(name, used):
    assert set(used) == set(fields(name)) - {"Financial_Account__c"}


def test_every_record_the_code_writes_uses_fields_of_the_package(document, shown):
    plan = mapping.plan_record(document(), shown, links={})
    trades = mapping.trade_records(document(), {})

    assert set(plan) - {"Name"} <= set(fields(mapping.PLAN))
    assert {n for trade in trades for n in trade} - {"Name", "attributes", "Plan__r"} <= set(fields(mapping.TRADE))


def test_statuses_are_those_of_the_life_cycle():
    values = tag(fields(mapping.PLAN)["Status__c"], "valueSet/valueSetDefinition/value/fullName")

    assert values == [state.value for state in PlanState]


def test_external_ids_are_unique_text():
    for name, key in ((mapping.PLAN, mapping.PLAN_KEY), (mapping.TRADE, mapping.TRADE_KEY)):
        root = fields(name)[key]
        assert [tag(root, each)[0] for each in ("type", "externalId", "unique")] == ["Text", "true", "true"]


@pytest.mark.parametrize("path", sorted(CORE.glob("layouts/*")), ids=lambda path: path.name)
def test_layouts_show_existing_fields_and_all_required_ones(path):
    name = path.name.split("-")[0]
    shown = set(tag(read(path), "layoutSections/layoutColumns/layoutItems/field"))

    assert shown - {"Name", "OwnerId"} <= set(fields(name))
    assert {n for n, root in fields(name).items() if tag(root, "required") == ["true"]} <= shown


def test_permission_sets_name_every_field_that_may_carry_a_permission():
    """Salesforce refuses permissions on required and master-detail fields, and hides a field without any."""
    for folder in sorted(path.parent for path in PACKAGE.glob("force-app*/main/default/permissionsets")):
        optional = {
            f"{path.parent.parent.name}.{tag(root, 'fullName')[0]}"
            for path in folder.glob("objects/*/fields/*")
            for root in [read(path)]
            if tag(root, "required") != ["true"] and tag(root, "type") != ["MasterDetail"]
        }
        for role in ("Lotsmith_Integration", "Rebalance_Reviewer"):
            [path] = folder.glob(f"permissionsets/{role}*")
            assert sorted(tag(read(path), "fieldPermissions/field")) == sorted(optional)


def test_reviewers_may_write_their_wishes_and_nothing_else():
    root = read(CORE / "permissionsets/Rebalance_Reviewer.permissionset-meta.xml")
    editable = [
        entry.findtext(f"{{{META}}}field")
        for entry in root.findall(f"{{{META}}}fieldPermissions")
        if entry.findtext(f"{{{META}}}editable") == "true"
    ]

    assert editable == [
        "Rebalance_Plan__c.Review_Outcome__c",
        "Rebalance_Trade__c.Requested_Quantity__c",
        "Rebalance_Trade__c.Review_Comment__c",
    ]


def test_approval_actions_are_field_updates_of_the_workflow():
    process = read(next(CORE.glob("approvalProcesses/*")))
    used = {name for name in process.iter(f"{{{META}}}action") for name in tag(name, "name")}

    assert used == set(tag(read(next(CORE.glob("workflows/*"))), "fieldUpdates/fullName"))


FOLDERS = {
    "ApexClass": "classes/*.cls",
    "ApexTrigger": "triggers/*.trigger",
    "ApprovalProcess": "approvalProcesses/*",
    "CustomField": "objects/*/fields/*",
    "CustomObject": "objects/*",
    "CustomTab": "tabs/*",
    "Layout": "layouts/*",
    "PermissionSet": "permissionsets/*",
    "Queue": "queues/*",
    "Workflow": "workflows/*",
}


@pytest.mark.parametrize(
    ("manifest", "folder", "apart"),
    [
        ("package", "force-app", "CustomField"),  # an object of our own is listed with all its fields
        ("package-finserv", "force-app-finserv", "CustomObject"),  # of another's, the fields alone
        ("package-standard", "force-app-standard", "CustomObject"),
        ("package-webhook", "force-app-webhook", "CustomField"),
    ],
)
def test_manifests_list_every_part(manifest, folder, apart):
    home = PACKAGE / folder / "main/default"
    root = read(PACKAGE / f"manifest/{manifest}.xml")
    listed = {t.findtext(f"{{{META}}}name"): set(tag(t, "members")) for t in root.findall(f"{{{META}}}types")}

    found = {kind: {_name(path, home) for path in home.glob(pattern)} for kind, pattern in FOLDERS.items()}
    assert listed == {kind: names for kind, names in found.items() if names and kind != apart}


def _name(path: Path, home: Path) -> str:
    name = path.name if path.is_dir() else path.name.removesuffix("-meta.xml").rsplit(".", 1)[0]
    return f"{path.parent.parent.name}.{name}" if path.parent.name == "fields" else name


def test_the_call_of_the_org_is_the_one_that_lotsmith_expects():
    code = (PACKAGE / "force-app-webhook/main/default/classes/LotsmithCall.cls").read_text()

    assert all(f"setHeader('{name}'" in code for name in (webhook.TIMESTAMP, webhook.SIGNATURE))
    assert "Crypto.generateMac(\n            'HmacSHA256', Blob.valueOf(moment + '.' + body)" in code
    assert "'plan_id' => planId" in code


def test_the_project_file_names_folders_that_exist():
    project = json.loads((PACKAGE / "sfdx-project.json").read_text())

    assert all((PACKAGE / entry["path"]).is_dir() for entry in project["packageDirectories"])
