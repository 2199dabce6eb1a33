"""The bill of materials of what is deployed: docs/sbom.json, CycloneDX, made from the layer's lock.

python -m dev.sbom CYCLONEDX_PY    the program of that name

The functions bring nothing of their own; Python and boto3 are Lambda's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "layers" / "common" / "python" / "requirements.txt"
SBOM = ROOT / "docs" / "sbom.json"
ABOUT = {"type": "library", "bom-ref": "firstcome", "name": "firstcome", "description": "The layer of the functions"}


def main() -> None:
    """Write the document; the same lock gives the same document."""
    # An index must be named, and none is: whoever installs decides from where, and the hashes hold whatever it is.
    options = ["--sv", "1.6", "--validate", "--output-reproducible", "--short-PURLs", "-i", "pkg:pypi"]
    done = subprocess.run([sys.argv[1], "requirements", *options, LOCK], capture_output=True, check=True)
    made = json.loads(done.stdout)
    made["metadata"]["component"] = ABOUT
    for tool in made["metadata"]["tools"]["components"]:
        tool.pop("externalReferences", None)
    for component in made["components"]:
        del component["description"]  # the lines of the lock once more
    SBOM.write_text(json.dumps(made, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
