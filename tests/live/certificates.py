"""Certificates for brokers with TLS: two authorities, and what they have signed."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_keys(folder: Path) -> None:
    """Keys and certificates as PEM files, for two days."""

    def openssl(*args: str) -> None:
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=folder)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("ca", "stranger"):
        openssl(
            "req",
            "-x509",
            *new,
            "-days",
            "2",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.crt",
            "-subj",
            f"/CN={name}",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",  # Python 3.13 insists on it
        )
    for name, authority, names in (
        ("broker", "ca", "IP:127.0.0.1"),
        ("elsewhere", "ca", "DNS:elsewhere.lan"),
        ("speaker", "ca", "DNS:speaker"),
        ("burglar", "stranger", "DNS:speaker"),
    ):
        openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / "names").write_text(f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\n")
        signed = ("-CA", f"{authority}.crt", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", "2")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signed, "-extfile", "names")
    openssl("ec", "-in", "speaker.key", "-aes256", "-passout", "pass:s3cret", "-out", "locked.key")
    for path in folder.glob("*.key"):
        path.chmod(0o644)
