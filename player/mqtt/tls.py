"""TLS: checks the broker's certificate, and says why a connection failed. The thread of the link; no paho.

The certificate must come from the given authority (or the system's) and carry the host name of the config. There is no
option to skip this check: a speaker that accepts any broker obeys anybody.
"""

from __future__ import annotations

import ssl
from typing import Final

from player.core.settings.mqtt import TlsSettings

_OTHER_NAME: Final = frozenset({62, 64})
"""OpenSSL: X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


class _ClosingSocket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho leaves it open for the garbage collector to find."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def tls_context(tls: TlsSettings) -> ssl.SSLContext:
    """The TLS context that checks the connection.

    Raises:
        ValueError: a file cannot be read or used; the message names the keys of the config, and shows no content.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except (OSError, ValueError) as error:
        raise ValueError(f"TLS cannot be set up: {_why(error)}; check ca") from None
    context.sslsocket_class = _ClosingSocket
    if tls.cert is not None:
        try:
            # the empty password keeps OpenSSL from asking a terminal for that of an encrypted key
            context.load_cert_chain(tls.cert, tls.key, password="")
        except (OSError, ValueError) as error:
            raise ValueError(f"TLS cannot be set up: {_why(error)}; check cert and key") from None
    return context


def tls_failure(error: OSError) -> str:
    """Why a connection with TLS did not come about, and what to check."""
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = "check host" if error.verify_code in _OTHER_NAME else "check ca"
        return f"the broker's certificate was rejected: {error.verify_message}; {advice}"
    if isinstance(error, ConnectionResetError | ssl.SSLEOFError) or "WRONG_VERSION" in str(error):
        return "the broker closed the connection at the start of TLS; check that this port uses TLS"
    return f"TLS fails: {_why(error)}" if isinstance(error, ssl.SSLError) else _why(error)


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "the file holds no certificate or key that can be used").replace("_", " ").lower()
    return getattr(error, "strerror", None) or str(error)
