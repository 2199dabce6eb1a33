"""A throw-away CA, and the certificates that it gives to servers: as strict as Python 3.13 wants them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

LIFE = timedelta(days=1)  # before and after now: a clock that is set in between does no harm


class Authority:
    """One CA in a new folder. A client trusts `ca_file`; a server has `cert_file` and `key_file`, or `pem_file`."""

    def __init__(self, folder: Path, host: str) -> None:
        """Make the CA, and one certificate for a server of this name."""
        folder.mkdir()
        self.host = host
        self.ca_file, self.pem_file = folder / "ca.pem", folder / "server.pem"
        self.cert_file, self.key_file = folder / "server-cert.pem", folder / "server-key.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(f"{folder.name} CA")
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        root = self._builder(self._name, self._key.public_key())
        root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._write(root.add_extension(usage, critical=True), self.ca_file)

        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._builder(_named(host), key.public_key())
        name = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
        leaf = leaf.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        self._write(leaf, self.cert_file)
        self.key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.pem_file.write_bytes(self.key_file.read_bytes() + self.cert_file.read_bytes())

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - LIFE).not_valid_after(now + LIFE)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return builder.add_extension(issuer, critical=False)

    def _write(self, builder: x509.CertificateBuilder, file: Path) -> None:
        file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
