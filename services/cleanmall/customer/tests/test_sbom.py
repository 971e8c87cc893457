"""The bill of materials lists what is installed."""

import json
import subprocess
import sys
from importlib import metadata

from conftest import FOLDER


def test_the_bill_of_materials_lists_every_locked_package_with_its_hashes_and_who_wants_it():
    printed = subprocess.run([sys.executable, FOLDER / "sbom", "1.2.3"], capture_output=True, check=True, text=True).stdout
    bill = json.loads(printed)
    libraries = {one["name"]: one for one in bill["components"] if one["type"] == "library"}
    lines = (FOLDER / "requirements.txt").read_text().splitlines()
    assert sorted(libraries) == sorted(line.split("==")[0] for line in lines if line[:1].isalnum())
    for name, one in libraries.items():
        assert metadata.version(name) == one["version"]
        assert one["externalReferences"][0]["hashes"], name
    assert bill["metadata"]["component"]["version"] == "1.2.3"
    assert libraries["fastapi"]["licenses"] == [{"expression": "MIT"}]
    wants = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    assert libraries["starlette"]["bom-ref"] in wants[libraries["fastapi"]["bom-ref"]]
    assert libraries["fastapi"]["bom-ref"] in wants["cleanmall-customer"]
    assert libraries["starlette"]["bom-ref"] not in wants["cleanmall-customer"]
