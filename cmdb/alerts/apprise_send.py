"""Sends by Apprise: mail, chat, webhooks, paging. Imported only where something is sent.

No attachments, no configuration files, and no secrets in what is said about a failure.
"""

from __future__ import annotations

import io
import logging
import warnings
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from cmdb.alerts.address import masked
from cmdb.alerts.errors import ChannelRefused, DeliveryFailed

if TYPE_CHECKING:
    import apprise

_LONGEST_REASON = 300


def known(url: str) -> None:
    """Refuses an address that Apprise cannot read.

    Raises:
        ChannelRefused: It is for no service that it knows, or incomplete.
    """
    apprise = _library()
    if apprise.Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True) is None:
        raise ChannelRefused(
            f"{masked(url)} is for no known service, or something is missing in it"
        )


def send(url: str, title: str, text: str) -> None:
    """Sends one message.

    Raises:
        DeliveryFailed: It did not get through; trying again may work.
    """
    apprise = _library()
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logger = logging.getLogger("apprise")
    logger.addHandler(handler)
    try:
        courier = apprise.Apprise(asset=_asset())
        if not courier.add(url):
            raise DeliveryFailed(f"{masked(url)} is for no known service")
        through = courier.notify(
            title=title, body=text, body_format=apprise.NotifyFormat.TEXT, interpret_escapes=False
        )
    finally:
        logger.removeHandler(handler)
    if not through:
        raise DeliveryFailed(_reason(said.getvalue(), url))


@cache
def _library() -> ModuleType:
    """Apprise with its services loaded, which is said to use what Python will drop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        apprise.Apprise.instantiate("json://127.0.0.1", suppress_exceptions=True)
    return apprise


def _asset() -> apprise.AppriseAsset:
    asset: apprise.AppriseAsset = _library().AppriseAsset(
        app_id="Stocktake",
        app_desc="Stocktake",
        app_url="",
        secure_logging=True,
        # A redirect would lead past the check of the address.
        http_redirects=False,
        storage_mode="memory",
    )
    return asset


def _reason(said: str, url: str) -> str:
    """The last that was said, if it does not hold parts of the address that are masked."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    shown = f"{masked(url)} did not take it"
    if not lines:
        return shown
    secrets = [part for part in url.replace("://", "/").replace("?", "/").split("/")[1:] if part]
    last = lines[-1][:_LONGEST_REASON]
    if any(secret in last for secret in secrets if secret not in masked(url)):
        return shown
    return f"{shown}: {last}"
